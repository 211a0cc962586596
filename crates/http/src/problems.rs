//! The catalogue of problems: every kind of error that the API answers, each with a page of its own.
//!
//! The `type` of a problem document is the path of its page, so whoever meets one in a log can look it up.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::error::Problem;
use crate::extract::Id;
use crate::openapi::tag;

/// A kind of error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The last part of its `type`.
    pub(crate) slug: &'static str,
    /// The status it is answered with.
    pub(crate) status: StatusCode,
    /// What it is, in a few words that never change.
    pub(crate) title: &'static str,
    /// What it means and what to do about it.
    pub(crate) advice: &'static str,
}

macro_rules! problems {
    ($($constant:ident = $status:ident $slug:literal $title:literal $advice:literal;)*) => {
        $(
            #[doc = $title]
            pub(crate) const $constant: &Kind =
                &Kind { slug: $slug, status: StatusCode::$status, title: $title, advice: $advice };
        )*
        /// Every kind, in the order of their status.
        pub(crate) const ALL: &[&Kind] = &[$($constant),*];
    };
}

problems! {
    MALFORMED_JSON = BAD_REQUEST "malformed-json" "The body is not JSON"
        "The detail names the line and column at which reading stopped. Nothing was stored.";
    INVALID_REQUEST = BAD_REQUEST "invalid-request" "The request breaks a rule"
        "Each entry of errors points at the field and says what is expected there. Nothing was stored.";
    INVALID_PARAMETER = BAD_REQUEST "invalid-parameter" "A query parameter is not valid"
        "Each entry of errors names the parameter: it is unknown, given twice, or has a value outside its range.";
    INVALID_HEADER = BAD_REQUEST "invalid-header" "A request header is not valid"
        "The detail names the header and the form that it must have. Nothing was stored.";
    INVALID_CURSOR = BAD_REQUEST "invalid-cursor" "The cursor does not belong to this list"
        "A cursor is good only for the list and the filters that it came with. Begin again without a cursor.";
    UNREADABLE_BODY = BAD_REQUEST "unreadable-body" "The body ended early"
        "The connection broke before the whole body had come. Send the request again. Of a stream of events, as many \
         as accepted_count says were queued before.";
    UNAUTHORIZED = UNAUTHORIZED "unauthorized" "A valid key is needed"
        "Send the key as X-API-Key or as Authorization: Bearer. Keys are made with `angaros keys create`.";
    FORBIDDEN = FORBIDDEN "forbidden" "The key may not do this"
        "The detail names the scope that the call needs. Use a key that has it.";
    FOREIGN_ORIGIN = FORBIDDEN "foreign-origin" "The page is not of this service"
        "The console takes forms only from its own pages, and a service without keys lets only those change anything or \
         talk over WebSockets: otherwise every page that you visit could send and listen in your name. Open the console's \
         page and try again, or make a key with `angaros keys create` and use it.";
    UNKNOWN_HOST = FORBIDDEN "unknown-host" "The service is not known by this name"
        "A service without keys answers browsers only at an address, at localhost, and at the names in \
         security.open_hosts of the configuration: every other name may be that of a page which somebody lets lead here. \
         Add the name there, or make a key with `angaros keys create`.";
    NOT_FOUND = NOT_FOUND "not-found" "There is no such thing"
        "The path does not exist, or nothing of your tenant has this id.";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED "method-not-allowed" "The path does not know this method"
        "The Allow header lists the methods that it knows.";
    REQUEST_TIMEOUT = REQUEST_TIMEOUT "request-timeout" "The body came too slowly"
        "The whole body, or the next piece of a stream, must arrive within the request time-out. Nothing was stored \
         but the events of a stream that came before; as many as accepted_count says were queued.";
    INVALID_TRANSITION = CONFLICT "invalid-transition" "The notification's status does not allow this"
        "The member current_status says where it stands. Only pending, queued and retrying notifications can be \
         cancelled; only failed ones can be retried.";
    IDEMPOTENCY_CONFLICT = CONFLICT "idempotency-conflict" "The idempotency key was used for another request"
        "A key stands for one request for ever. Send changed content with a new key. Nothing was stored.";
    EVENT_CONFLICT = CONFLICT "event-conflict" "Another event has this key"
        "The member stored_id names the event that was stored first, and fields says in what this one differs from it. \
         An event is known by provider and event_id; without an event_id by provider, event_name, recipient_id and \
         occurred_at. Nothing was stored.";
    NAME_TAKEN = CONFLICT "name-taken" "Another template has this name"
        "Names of templates are unique. Choose another one, or change the template that has it.";
    TOO_MANY_ENDPOINTS = CONFLICT "too-many-endpoints" "There are too many webhook endpoints"
        "A tenant has at most 100 endpoints. Remove one that is not needed. Nothing was stored.";
    ENDPOINT_DISABLED = CONFLICT "endpoint-disabled" "The webhook endpoint is disabled"
        "Nothing is sent to it. Enable it first: PATCH with enabled true.";
    TOO_FAR_BEHIND = GONE "too-far-behind" "The cursor lies too far in the past"
        "Live status tells again what happened since a cursor, but only so much. Read on with GET /api/v1/events?after= \
         and the same cursor, or begin anew without a cursor: then it begins with where things stand.";
    BODY_TOO_LARGE = PAYLOAD_TOO_LARGE "body-too-large" "The body is too large"
        "Send less in one request. The limit is server.body_bytes_max in the configuration.";
    UNSUPPORTED_MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The content type is not JSON"
        "Send Content-Type: application/json in UTF-8, without a content encoding.";
    UNPROCESSABLE = UNPROCESSABLE_ENTITY "unprocessable" "The request does not fit what is stored"
        "Each entry of errors points at the field: a template that does not exist, or a variable that it needs. \
         Nothing was stored.";
    RATE_LIMITED = TOO_MANY_REQUESTS "rate-limited" "Too many calls"
        "Try again after the time in Retry-After; nothing of this one was stored. Each key, and each address without a \
         key, has so many calls a minute as RateLimit-Policy says, and RateLimit says what is left of them. The limits \
         are limits.inbound_per_minute and limits.metrics_per_minute in the configuration.";
    UPGRADE_REQUIRED = UPGRADE_REQUIRED "upgrade-required" "The path speaks WebSocket"
        "Connect with a WebSocket client over HTTP/1.1. GET /api/v1/stream/notifications gives the same as server-sent \
         events to clients that have none.";
    INTERNAL = INTERNAL_SERVER_ERROR "internal" "Something went wrong on our side"
        "The log has the cause, under the correlation id of this answer. Sending the request again with the same \
         Idempotency-Key is safe.";
    UNAVAILABLE = SERVICE_UNAVAILABLE "unavailable" "The store can not be reached"
        "Try again after the time in Retry-After. With an Idempotency-Key that is always safe.";
    BUSY = SERVICE_UNAVAILABLE "busy" "Too much is waiting"
        "More requests came than can be stored. Try again after the time in Retry-After. Nothing of this one was \
         stored but the events of a stream that came before; as many as accepted_count says were queued.";
    TIMEOUT = SERVICE_UNAVAILABLE "timeout" "The answer took too long"
        "The request may still be carried out. Send it again with the same Idempotency-Key to learn its outcome.";
    LIVE_LIMIT = SERVICE_UNAVAILABLE "live-limit" "Too much is followed live"
        "The detail says what is full: the connections of the service, the tenant or the key, or the topics of the connection. \
         Close what is not needed, or follow a batch, a campaign or everything with one topic.";
    NOT_READY = SERVICE_UNAVAILABLE "not-ready" "The service is not ready"
        "The member dependencies names what it waits for. While it shuts down it takes no new work.";
}

/// Strict: the pages hold text and links, and load nothing.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The list of all kinds.
#[utoipa::path(
    get,
    path = "/problems",
    operation_id = "problem_list",
    tag = tag::SERVICE,
    summary = "All problems",
    description = "The kinds of errors that this API answers, as a page for people.",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
    security(())
)]
pub(crate) async fn list() -> Response {
    let items: String = ALL
        .iter()
        .map(|kind| {
            let Kind { slug, status, title, .. } = kind;
            format!("<li><a href=\"/problems/{slug}\">{slug}</a> ({}): {title}</li>\n", status.as_u16())
        })
        .collect();
    page("Problems", &format!("<ul>\n{items}</ul>\n"))
}

/// One kind.
#[utoipa::path(
    get,
    path = "/problems/{slug}",
    operation_id = "problem_get",
    tag = tag::SERVICE,
    summary = "One problem",
    description = "What one kind of error means and what to do about it, as a page for people. It is what the `type` \
                   of a problem document leads to.",
    params(("slug" = String, Path, description = "The last part of the problem's `type`.", example = "not-found")),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        crate::openapi::Unknown
    ),
    security(())
)]
pub(crate) async fn get(Id(slug): Id<String>) -> Result<Response, Problem> {
    let kind = ALL.iter().find(|kind| kind.slug == slug).ok_or_else(Problem::not_found)?;
    let Kind { slug, status, title, advice } = kind;
    let text = format!(
        "<p>Status {}, type <code>/problems/{slug}</code></p>\n<p>{advice}</p>\n\
         <p><a href=\"/problems\">All problems</a></p>\n",
        status.as_u16()
    );
    Ok(page(title, &text))
}

fn page(title: &str, content: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body>\n<h1>{title}</h1>\n{content}</body>\n</html>\n"
    );
    ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], Html(html)).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn slugs_are_unique_and_texts_need_no_escaping() {
        let slugs: BTreeSet<&str> = ALL.iter().map(|kind| kind.slug).collect();
        assert_eq!(slugs.len(), ALL.len());
        for kind in ALL {
            assert!(kind.slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", kind.slug);
            assert!(!format!("{}{}", kind.title, kind.advice).contains(['<', '>', '&']), "{}", kind.slug);
        }
    }
}
