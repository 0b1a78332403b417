package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// settings is what the gateway reads from its environment: every variable of the subject contract, tier 2.
type settings struct {
	httpAddress, orderServiceTarget, serviceConfig string

	txtServiceConfig        bool           // whether the one in the name server's TXT record replaces it
	minResolutionInterval   *time.Duration // nil, here and below: the library's own
	initialReconnectBackoff *time.Duration
	maxReconnectBackoff     time.Duration // the library's own, 120 s, leaves a replica that is back without calls for minutes
	connectTimeout          *time.Duration
	idleTimeout             *time.Duration
	keepaliveTime           time.Duration // 0: no keepalive
	keepaliveTimeout        time.Duration
	keepaliveWithoutCalls   bool
	callTimeout             time.Duration // 0: calls have no deadline
	waitForReady            *bool         // nil: as the service config says
	enableRetries           bool          // false: calls are not retried, whatever the service config says
	retryBuffer             *int          // bytes; a call that is larger is not kept to be retried
	channelzAddress         string        // "": channelz is not served
	hashHeader              string        // "": calls carry no key
}

// settingsFromEnvironment returns an error that names every variable that is wrong.
func settingsFromEnvironment() (settings, error) {
	var wrong []error
	s := settings{
		httpAddress:             read(&wrong, "HTTP_ADDRESS", "0.0.0.0:4000", address),
		orderServiceTarget:      read(&wrong, "ORDER_SERVICE_TARGET", "dns:///order-service:5000", anything),
		serviceConfig:           read(&wrong, "GRPC_SERVICE_CONFIG", serviceConfig, anything),
		txtServiceConfig:        read(&wrong, "TXT_SERVICE_CONFIG", false, flag),
		minResolutionInterval:   readIfSet(&wrong, "DNS_MIN_RESOLUTION_INTERVAL_MS", milliseconds),
		initialReconnectBackoff: readIfSet(&wrong, "INITIAL_RECONNECT_BACKOFF_MS", milliseconds),
		maxReconnectBackoff:     read(&wrong, "MAX_RECONNECT_BACKOFF_MS", 2*time.Second, milliseconds),
		connectTimeout:          readIfSet(&wrong, "CONNECT_TIMEOUT_MS", milliseconds),
		idleTimeout:             readIfSet(&wrong, "CLIENT_IDLE_TIMEOUT_MS", milliseconds),
		keepaliveTime:           read(&wrong, "KEEPALIVE_TIME_MS", 30*time.Second, milliseconds),
		keepaliveTimeout:        read(&wrong, "KEEPALIVE_TIMEOUT_MS", 5*time.Second, milliseconds),
		keepaliveWithoutCalls:   read(&wrong, "KEEPALIVE_PERMIT_WITHOUT_CALLS", true, flag),
		callTimeout:             read(&wrong, "CALL_TIMEOUT_MS", 5*time.Second, milliseconds),
		waitForReady:            readIfSet(&wrong, "WAIT_FOR_READY", flag),
		enableRetries:           read(&wrong, "ENABLE_RETRIES", true, flag),
		retryBuffer:             readIfSet(&wrong, "RETRY_BUFFER_BYTES", size),
		channelzAddress:         read(&wrong, "CHANNELZ_ADDRESS", "", address),
		hashHeader:              read(&wrong, "HASH_HEADER", "", metadataKey),
	}
	return s, errors.Join(wrong...)
}

// read returns a variable as parse has it, or what holds where it is unset or empty.
func read[T any](wrong *[]error, name string, unset T, parse func(string) (T, error)) T {
	if value := readIfSet(wrong, name, parse); value != nil {
		return *value
	}
	return unset
}

// readIfSet returns nil where a variable is unset or empty.
func readIfSet[T any](wrong *[]error, name string, parse func(string) (T, error)) *T {
	text := os.Getenv(name)
	if text == "" {
		return nil
	}
	value, err := parse(text)
	if err != nil {
		*wrong = append(*wrong, fmt.Errorf("%s is %q: expected %w", name, text, err))
	}
	return &value
}

func anything(text string) (string, error) { return text, nil }

func milliseconds(text string) (time.Duration, error) {
	number, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, errors.New("whole milliseconds from 0 to 2147483647")
	}
	return time.Duration(number) * time.Millisecond, nil
}

func size(text string) (int, error) {
	number, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, errors.New("whole bytes from 0 to 2147483647")
	}
	return int(number), nil
}

func flag(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("true or false")
}

func address(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if _, number := strconv.ParseUint(port, 10, 16); err != nil || number != nil || host == "" {
		return "", errors.New("host:port")
	}
	return text, nil
}

var keys = regexp.MustCompile(`^[a-z0-9._-]+$`)

func metadataKey(text string) (string, error) {
	if !keys.MatchString(text) || strings.HasPrefix(text, "grpc-") || strings.HasSuffix(text, "-bin") {
		return "", errors.New("a lower-case metadata key, not grpc-… or …-bin")
	}
	return text, nil
}
