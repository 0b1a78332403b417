package main

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"gateway/order"
)

func TestUnsetOrEmptyVariablesLeaveTheDefaults(t *testing.T) {
	t.Setenv("CONNECT_TIMEOUT_MS", "")
	t.Setenv("WAIT_FOR_READY", "False")

	s, err := settingsFromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	if s.orderServiceTarget != "dns:///order-service:5000" || s.callTimeout != 5*time.Second || s.connectTimeout != nil {
		t.Errorf("got %+v", s)
	}
	if s.waitForReady == nil || *s.waitForReady {
		t.Errorf("WAIT_FOR_READY=False became %v", s.waitForReady)
	}
}

func TestAWrongVariableIsNamed(t *testing.T) {
	for name, value := range map[string]string{
		"HTTP_ADDRESS":       "4000",
		"CHANNELZ_ADDRESS":   "localhost:65536",
		"CALL_TIMEOUT_MS":    "-1",
		"KEEPALIVE_TIME_MS":  "2147483648",
		"ENABLE_RETRIES":     "1",
		"RETRY_BUFFER_BYTES": "1k",
		"TXT_SERVICE_CONFIG": "yes",
		"HASH_HEADER":        "grpc-timeout",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			_, err := settingsFromEnvironment()
			if err == nil || !strings.HasPrefix(err.Error(), name+` is "`+value+`": expected `) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAServiceConfigThatIsNotValidIsRefused(t *testing.T) {
	channel, err := openChannel(settings{serviceConfig: `{"loadBalancingConfig": [{"no_such_policy": {}}]}`})
	if err == nil {
		channel.Close()
		t.Fatal("it was taken")
	}
}

func TestAnIDIsPassedOnUnchangedAndACodeIsNamed(t *testing.T) {
	for path, want := range map[string]string{
		"/orders/a%2Fb~OK":     `200 {"id":"a/b~OK","served_by":"one"}`,
		"/orders/~CANCELLED":   `499 {"code":"CANCELLED","message":"as asked"}`,
		"/orders/~INTERNAL":    `500 {"code":"INTERNAL","message":"as asked"}`,
		"/orders/~UNAVAILABLE": `503 {"code":"UNAVAILABLE","message":"as asked"}`,
		"/livez":               `200 `,
		"/readyz":              `200 `,
	} {
		t.Run(path, func(t *testing.T) {
			got := httptest.NewRecorder()
			handler(asked).ServeHTTP(got, httptest.NewRequest("GET", path, nil))
			if text := strings.TrimSuffix(got.Result().Status[:4]+got.Body.String(), "\n"); text != want {
				t.Errorf("got %s, want %s", text, want)
			}
		})
	}
}

func TestACustomerIsWhatComesBeforeTheDot(t *testing.T) {
	for id, want := range map[string]string{"ann.1~OK": "ann", "1~OK.2": "1", "1": "1"} {
		if got := customer(id); got != want {
			t.Errorf("customer of %s is %q", id, got)
		}
	}
}

// asked answers an order with the code that its id asks for.
func asked(_ context.Context, id string) (*order.GetOrderResponse, error) {
	_, plan, _ := strings.Cut(id, "~")
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(`"` + plan + `"`)); err != nil {
		return nil, err
	}
	if code != codes.OK {
		return nil, status.Error(code, "as asked")
	}
	return &order.GetOrderResponse{Id: id, ServedBy: "one"}, nil
}
