package main

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver/dns"

	// What grpc-go has only where it is imported: some policies, and client-side health checking.
	_ "google.golang.org/grpc/balancer/ringhash"
	_ "google.golang.org/grpc/balancer/weightedroundrobin"
	_ "google.golang.org/grpc/health"
	_ "google.golang.org/grpc/xds" // for outlier detection, whose own package is internal; it doubles the binary

	"gateway/order"
)

// serviceConfig is the gateway's own: how calls are spread, and which are retried.
const serviceConfig = `{
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

// getOrder makes exactly one call: what is retried is up to the service config.
type getOrder func(ctx context.Context, id string) (*order.GetOrderResponse, error)

// openChannel returns a channel to the order service, which resolves and connects at the first call. It fails if
// grpc-go refuses the service config.
func openChannel(s settings) (*grpc.ClientConn, error) {
	if s.minResolutionInterval != nil {
		dns.SetMinResolutionInterval(*s.minResolutionInterval) // of all channels; there is one
	}
	return grpc.NewClient(s.orderServiceTarget, dialOptions(s)...)
}

func dialOptions(s settings) []grpc.DialOption {
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(s.serviceConfig),
		grpc.WithConnectParams(connectParams(s)),
	}
	if !s.txtServiceConfig {
		options = append(options, grpc.WithDisableServiceConfig()) // the one of a TXT record, which would replace it
	}
	if s.idleTimeout != nil {
		options = append(options, grpc.WithIdleTimeout(*s.idleTimeout))
	}
	if s.keepaliveTime > 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:                s.keepaliveTime, // grpc-go makes it 10 s at least
			Timeout:             s.keepaliveTimeout,
			PermitWithoutStream: s.keepaliveWithoutCalls,
		}))
	}
	if !s.enableRetries {
		options = append(options, grpc.WithDisableRetry())
	}
	return options
}

func connectParams(s settings) grpc.ConnectParams {
	params := grpc.ConnectParams{
		Backoff:           backoff.DefaultConfig,
		MinConnectTimeout: 20 * time.Second, // grpc-go's own; with 0 the backoff would be all the time that there is
	}
	params.Backoff.MaxDelay = s.maxReconnectBackoff
	if s.initialReconnectBackoff != nil {
		params.Backoff.BaseDelay = *s.initialReconnectBackoff
	}
	if s.connectTimeout != nil {
		params.MinConnectTimeout = *s.connectTimeout
	}
	return params
}

// caller returns what makes the calls on a channel.
func caller(channel grpc.ClientConnInterface, s settings) getOrder {
	orders := order.NewOrderServiceClient(channel)
	options := callOptions(s)
	return func(ctx context.Context, id string) (*order.GetOrderResponse, error) {
		if s.callTimeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.callTimeout)
			defer cancel()
		}
		if s.hashHeader != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, s.hashHeader, customer(id))
		}
		return orders.GetOrder(ctx, &order.GetOrderRequest{Id: id}, options...)
	}
}

func callOptions(s settings) []grpc.CallOption {
	var options []grpc.CallOption
	if s.waitForReady != nil {
		options = append(options, grpc.WaitForReady(*s.waitForReady))
	}
	if s.retryBuffer != nil {
		options = append(options, grpc.MaxRetryRPCBufferSize(*s.retryBuffer))
	}
	return options
}

// customer returns whose order it is, which ring_hash is to hash (gRFC A76): what comes before the "." of its id.
func customer(id string) string {
	id, _, _ = strings.Cut(id, "~")
	id, _, _ = strings.Cut(id, ".")
	return id
}
