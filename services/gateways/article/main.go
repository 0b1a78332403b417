// The gateway of an article on gRPC client-side load balancing with DNS: REST in, gRPC out.
//
// GET /orders/{id} makes one call of order.OrderService/GetOrder, without a deadline, and answers every failure with
// 500. The article builds the gateway in three steps; a build is one of them (see Makefile).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"gateway/order"
)

// step is how far the gateway is built: "pick_first" for gRPC's default, "round_robin" for calls that are balanced, and
// "retries", the article's last version, for calls that are retried as well, with keepalive. The linker replaces it.
var step = "retries"

const balanced = `{
	"loadBalancingConfig": [{"round_robin": {}}]
}`

const balancedAndRetried = `{
	"loadBalancingConfig": [{"round_robin": {}}],
	"methodConfig": [{
		"name": [{"service": "order.OrderService"}],
		"retryPolicy": {
			"maxAttempts": 3,
			"initialBackoff": "0.1s",
			"maxBackoff": "1s",
			"backoffMultiplier": 2,
			"retryableStatusCodes": ["UNAVAILABLE"]
		}
	}]
}`

// drain is how long requests in flight may take once the gateway is asked to stop.
const drain = 10 * time.Second

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// options returns what each step adds to the channel.
func options() ([]grpc.DialOption, error) {
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	switch step {
	case "pick_first":
		return []grpc.DialOption{plain}, nil
	case "round_robin":
		return []grpc.DialOption{plain, grpc.WithDefaultServiceConfig(balanced)}, nil
	case "retries":
		return []grpc.DialOption{
			plain,
			grpc.WithDefaultServiceConfig(balancedAndRetried),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 5 * time.Second}),
		}, nil
	}
	return nil, fmt.Errorf("%q is not a step of the article", step)
}

// run serves until SIGTERM or SIGINT, then finishes the requests in flight.
func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	chosen, err := options()
	if err != nil {
		return err
	}
	// One connection for all requests: the balancing happens inside it, per call. With the dns scheme, because other
	// resolvers know no more than one address.
	conn, err := grpc.NewClient("dns:///order-service:5000", chosen...)
	if err != nil {
		return err
	}
	defer conn.Close()

	server := &http.Server{
		Addr:              ":4000",
		Handler:           handler(order.NewOrderServiceClient(conn)),
		ReadHeaderTimeout: 5 * time.Second,
	}
	shut := make(chan error, 1)
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		shut <- server.Shutdown(last)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-shut
}

func handler(orders order.OrderServiceClient) http.Handler {
	// A gateway that answers is ready: the channel connects when it is needed.
	fine := func(http.ResponseWriter, *http.Request) {}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", fine)
	mux.HandleFunc("GET /readyz", fine)
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		reply, err := orders.GetOrder(r.Context(), &order.GetOrderRequest{Id: r.PathValue("id")})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// An error here is the caller's connection gone; there is nobody left to tell.
		_ = json.NewEncoder(w).Encode(map[string]string{"id": reply.GetId(), "served_by": reply.GetServedBy()})
	})
	return mux
}
