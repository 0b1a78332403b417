//! A gateway as users of tonic write it: REST in, gRPC out.
//!
//! `GET /orders/{id}` makes one call of `order.OrderService/GetOrder`.

use std::env;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use order::GetOrderRequest;
use order::order_service_client::OrderServiceClient;

#[rustfmt::skip] // generated, as `make protos` writes it
#[allow(clippy::pedantic)]
mod order;

/// The deadline of a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The deadline of a call counts from when there is a connection; tonic by itself would dial for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

const KEEPALIVE_TIME: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<()> {
    let address = variable("HTTP_ADDRESS", "0.0.0.0:4000");
    let target = variable("ORDER_SERVICE_TARGET", "dns:///order-service:5000");
    let orders = OrderServiceClient::new(channel(&target)?);
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("cannot listen on HTTP_ADDRESS {address}"))?;
    let stopped = stopped()?;
    axum::serve(listener, application(orders))
        .with_graceful_shutdown(stopped)
        .await?;
    Ok(())
}

fn variable(name: &str, default: &str) -> String {
    env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| default.to_owned())
}

/// One channel for all requests, to the one name. tonic has the system resolve it whenever it connects, and is content
/// with the first address that answers.
fn channel(target: &str) -> Result<Channel> {
    let name = target.strip_prefix("dns:///").unwrap_or(target);
    let endpoint = Endpoint::from_shared(format!("http://{name}"))
        .with_context(|| format!("ORDER_SERVICE_TARGET {target} is not a valid target"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_TIME)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    Ok(endpoint.connect_lazy())
}

/// Ends with SIGTERM or SIGINT; the server then finishes the requests in flight.
fn stopped() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {},
            _ = interrupt.recv() => {},
        }
    })
}

fn application(orders: OrderServiceClient<Channel>) -> Router {
    Router::new()
        .route("/orders/{id}", get(order))
        .route("/livez", get(fine))
        .route("/readyz", get(fine))
        .with_state(orders)
}

/// What answers is ready: the channel connects when it is needed.
async fn fine() {}

async fn order(
    State(mut orders): State<OrderServiceClient<Channel>>,
    Path(id): Path<String>,
) -> (StatusCode, Json<Value>) {
    let mut request = Request::new(GetOrderRequest { id });
    request.set_timeout(CALL_TIMEOUT);
    match orders.get_order(request).await {
        Ok(reply) => {
            let reply = reply.into_inner();
            let order = json!({"id": reply.id, "served_by": reply.served_by});
            (StatusCode::OK, Json(order))
        }
        Err(status) => {
            let failure =
                json!({"code": format!("{:?}", status.code()), "message": status.message()});
            (http_status(status.code()), Json(failure))
        }
    }
}

/// The mapping of google/rpc/code.proto.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::from_u16(499).expect("a status"), // not in the registry
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
    }
}
