// The gateway of an article on gRPC client-side load balancing with DNS: REST in, gRPC out.
//
// GET /orders/{id} makes one call of order.OrderService/GetOrder. The channel resolves the service's name to the
// addresses of all replicas, spreads the calls over them and retries those that fail UNAVAILABLE.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"gateway/order"
)

// callTimeout is the deadline of a call with all its retries.
const callTimeout = 5 * time.Second

// The two parts of the service config that matter. A build may leave one of them out (see Makefile): without a policy
// gRPC's default is left, pick_first, and without a retry policy each call is one attempt.
var (
	policy      = `"loadBalancingConfig": [{"round_robin": {}}],`
	retryPolicy = `"retryPolicy": {
				"maxAttempts": 3,
				"initialBackoff": "0.1s",
				"maxBackoff": "1s",
				"backoffMultiplier": 2,
				"retryableStatusCodes": ["UNAVAILABLE"]
			},`
)

func serviceConfig() string {
	return `{
		` + policy + `
		"methodConfig": [{
			` + retryPolicy + `
			"name": [{"service": "order.OrderService"}]
		}]
	}`
}

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// run serves until SIGTERM or SIGINT, then finishes the requests in flight.
func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	// One connection for all requests: the balancing happens inside it, per call.
	conn, err := grpc.NewClient(
		// With the dns scheme, because other resolvers know no more than one address.
		"dns:///order-service:5000",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(serviceConfig()),
	)
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
		// No request lasts much longer than its call.
		last, cancel := context.WithTimeout(context.Background(), callTimeout+time.Second)
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
		ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
		defer cancel()
		reply, err := orders.GetOrder(ctx, &order.GetOrderRequest{Id: r.PathValue("id")})
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
