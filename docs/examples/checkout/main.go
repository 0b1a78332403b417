// Checkout: POST /checkout reserves the goods of a cart, one call of inventory.v2.Inventory/Reserve.
//
// A service as teams have them: an API of its own, flags for its addresses, its service config in a file.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver/dns"
	"google.golang.org/grpc/status"

	"checkout/inventory"
)

var (
	listen      = flag.String("listen", ":8080", "where to listen for HTTP")
	target      = flag.String("inventory", "dns:///inventory:9000", "the gRPC target of the inventory")
	config      = flag.String("grpc-config", "grpc.json", "the file with the service config of the inventory's channel")
	timeout     = flag.Duration("timeout", 1500*time.Millisecond, "the deadline of a call, its retries included")
	maxBackoff  = flag.Duration("max-backoff", 2*time.Second, "the longest wait before a lost connection is dialled again")
	authority   = flag.String("ca", "", "the file with the certificate authority of the inventory; none: plaintext")
	serverName  = flag.String("server-name", "", "the name in the inventory's certificate, if it is not the one in its target")
	minInterval = flag.Duration("dns-interval", 30*time.Second, "the shortest time between two queries for the inventory's addresses")
)

func main() {
	flag.Parse()
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// run serves until SIGTERM or SIGINT, then finishes the requests in flight.
func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	serviceConfig, err := os.ReadFile(*config)
	if err != nil {
		return err
	}
	transport, err := transportCredentials()
	if err != nil {
		return err
	}
	dns.SetMinResolutionInterval(*minInterval)
	conn, err := grpc.NewClient(*target,
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(string(serviceConfig)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: *maxBackoff / 2, Multiplier: 1.6, Jitter: 0.2, MaxDelay: *maxBackoff},
		}),
	)
	if err != nil {
		return err
	}
	defer conn.Close()

	server := &http.Server{Addr: *listen, Handler: handler(inventory.NewInventoryClient(conn)), ReadHeaderTimeout: 5 * time.Second}
	shut := make(chan error, 1)
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.Background(), *timeout+time.Second)
		defer cancel()
		shut <- server.Shutdown(last)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-shut
}

// transportCredentials returns those of the inventory's channel: TLS if its authority is given.
func transportCredentials() (credentials.TransportCredentials, error) {
	if *authority == "" {
		return insecure.NewCredentials(), nil
	}
	return credentials.NewClientTLSFromFile(*authority, *serverName)
}

func handler(stock inventory.InventoryClient) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /checkout", func(w http.ResponseWriter, r *http.Request) {
		var order struct {
			Cart     string
			Quantity int32
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&order); err != nil {
			answer(w, http.StatusBadRequest, failure("InvalidArgument", err))
			return
		}
		ctx, cancel := context.WithTimeout(traced(r), *timeout)
		defer cancel()
		reply, err := stock.Reserve(ctx, &inventory.ReserveRequest{
			Cart:     &inventory.Cart{Id: order.Cart},
			Quantity: order.Quantity,
		})
		if err != nil {
			answer(w, http.StatusBadGateway, failure(status.Code(err).String(), err))
			return
		}
		answer(w, http.StatusCreated, map[string]any{"reservation": reply.GetReservation()})
	})
	return mux
}

// traced returns the request's context with its trace, which goes on to the inventory.
func traced(r *http.Request) context.Context {
	trace := r.Header.Get("traceparent")
	if trace == "" {
		return r.Context()
	}
	return metadata.AppendToOutgoingContext(r.Context(), "traceparent", trace)
}

func failure(code string, err error) map[string]any {
	return map[string]any{"error": map[string]string{"code": code, "message": err.Error()}}
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error here is a caller that hung up; nobody is left to tell.
	_ = json.NewEncoder(w).Encode(body)
}
