// A gateway to the order service: HTTP in, gRPC out. GET /orders/{id} makes one call of order.OrderService/GetOrder.
//
// It ends with status 0 after SIGTERM, 1 if a port is taken, 2 for an invalid setting.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/channelz/service"
)

func main() {
	log.SetFlags(0)
	s, err := settingsFromEnvironment()
	if err != nil {
		log.Print(err)
		os.Exit(2)
	}
	channel, err := openChannel(s)
	if err != nil {
		log.Print(err)
		os.Exit(2)
	}
	if err := run(s, channel); err != nil {
		log.Fatal(err)
	}
}

// run serves orders until SIGTERM or SIGINT.
func run(s settings, channel *grpc.ClientConn) error {
	defer channel.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	if s.channelzAddress != "" {
		server, err := serveChannelz(s.channelzAddress)
		if err != nil {
			return err
		}
		defer server.Stop()
	}
	listener, err := net.Listen("tcp", s.httpAddress)
	if err != nil {
		return fmt.Errorf("HTTP_ADDRESS: %w", err)
	}
	log.Printf("orders on %s", listener.Addr())
	return serve(ctx, listener, handler(caller(channel, s)))
}

// serveChannelz serves channelz of this process (gRFC A14): what the channel says of itself, for whoever asks.
func serveChannelz(address string) (*grpc.Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("CHANNELZ_ADDRESS: %w", err)
	}
	server := grpc.NewServer()
	service.RegisterChannelzServiceToServer(server)
	go func() { _ = server.Serve(listener) }() // it ends with the gateway
	return server, nil
}
