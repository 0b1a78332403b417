package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// httpStatus is the mapping of google/rpc/code.proto; a code that it does not have is a 500.
var httpStatus = map[codes.Code]int{
	codes.Canceled:           499, // not in the registry, which has no word for it
	codes.InvalidArgument:    http.StatusBadRequest,
	codes.DeadlineExceeded:   http.StatusGatewayTimeout,
	codes.NotFound:           http.StatusNotFound,
	codes.AlreadyExists:      http.StatusConflict,
	codes.PermissionDenied:   http.StatusForbidden,
	codes.Unauthenticated:    http.StatusUnauthorized,
	codes.ResourceExhausted:  http.StatusTooManyRequests,
	codes.FailedPrecondition: http.StatusBadRequest,
	codes.Aborted:            http.StatusConflict,
	codes.OutOfRange:         http.StatusBadRequest,
	codes.Unimplemented:      http.StatusNotImplemented,
	codes.Unavailable:        http.StatusServiceUnavailable,
}

// handler serves orders, one call each. A failed call becomes the HTTP status of its code, with the code's name in
// the body.
func handler(get getOrder) http.Handler {
	// What answers is ready: the channel connects when it is needed.
	fine := func(http.ResponseWriter, *http.Request) {}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", fine)
	mux.HandleFunc("GET /readyz", fine)
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		reply, err := get(r.Context(), r.PathValue("id"))
		if err != nil {
			failed := status.Convert(err)
			answer(w, failureStatus(failed.Code()), map[string]string{
				"code": code.Code(failed.Code()).String(), "message": failed.Message(),
			})
			return
		}
		answer(w, http.StatusOK, map[string]string{"id": reply.GetId(), "served_by": reply.GetServedBy()})
	})
	return mux
}

func failureStatus(failed codes.Code) int {
	if known, ok := httpStatus[failed]; ok {
		return known
	}
	return http.StatusInternalServerError
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // it fails where the caller is gone: there is nobody left to tell
}

// serve serves until ctx is done, then finishes the requests in flight.
func serve(ctx context.Context, listener net.Listener, requests http.Handler) error {
	server := &http.Server{Handler: requests, ReadHeaderTimeout: 5 * time.Second}
	shut := make(chan error, 1)
	context.AfterFunc(ctx, func() { shut <- server.Shutdown(context.Background()) })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-shut
}
