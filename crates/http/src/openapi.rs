//! The OpenAPI document: made from the routes and types themselves, so that it can not drift.
//!
//! A route is registered here once, for the router and for the document. What many operations have in common is said
//! once: the problems that they share as sets, the headers and the required keys as one pass over the whole document.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, OpenApi as Document, Ref, RefOr, Response as ResponseDoc, ResponseBuilder,
    Schema,
};
use utoipa::{IntoResponses, Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::dto::cloud_event::describe_extensions;
use crate::dto::event_metrics::GroupByName;
use crate::dto::live::{Acknowledgement, ErrorFrame, LiveRequest, LiveUpdate};
use crate::dto::problem::ProblemBody;
use crate::problems::Kind;
use crate::routes::{
    BASE, campaigns, events, health, messages, metrics, notifications, prometheus, recipients, stream,
    suppressions, templates, webhook_endpoints, worker, ws,
};
use crate::{AppState, docs, problems, timeline};

/// The groups that operations are shown in.
pub(crate) mod tag {
    /// Sending.
    pub(crate) const NOTIFICATIONS: &str = "Notifications";
    /// Stored texts.
    pub(crate) const TEMPLATES: &str = "Templates";
    /// Whom nothing is sent to.
    pub(crate) const SUPPRESSIONS: &str = "Suppressions";
    /// What was sent, and what came of it.
    pub(crate) const MESSAGES: &str = "Messages";
    /// Recording what happened, reading and counting it.
    pub(crate) const EVENTS: &str = "Events";
    /// Telling others of events.
    pub(crate) const WEBHOOKS: &str = "Webhooks";
    /// Statuses as they change.
    pub(crate) const LIVE: &str = "Live";
    /// Pausing and resuming.
    pub(crate) const WORKER: &str = "Worker";
    /// Health, numbers and documents.
    pub(crate) const SERVICE: &str = "Service";
}

macro_rules! problem_sets {
    ($($(#[$doc:meta])* $set:ident = [$($kind:ident),* $(,)?];)*) => {$(
        $(#[$doc])*
        pub(crate) struct $set;

        impl IntoResponses for $set {
            fn responses() -> BTreeMap<String, RefOr<ResponseDoc>> {
                responses(&[$(problems::$kind),*])
            }
        }
    )*};
}

problem_sets! {
    /// What every operation that needs a key may answer.
    Guarded = [
        INVALID_PARAMETER, UNAUTHORIZED, FORBIDDEN, FOREIGN_ORIGIN, UNKNOWN_HOST, RATE_LIMITED, INTERNAL, UNAVAILABLE, BUSY, TIMEOUT,
    ];
    /// What every operation with a body may answer.
    WithBody = [
        MALFORMED_JSON, INVALID_REQUEST, INVALID_PARAMETER, INVALID_HEADER, UNREADABLE_BODY, REQUEST_TIMEOUT,
        BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
    ];
    /// What every operation that changes one thing without a body may answer.
    WithoutBody = [
        MALFORMED_JSON, INVALID_REQUEST, INVALID_PARAMETER, UNREADABLE_BODY, REQUEST_TIMEOUT, BODY_TOO_LARGE,
    ];
    /// What operations with a body and parameters may answer.
    WithBodyAndQuery = [
        MALFORMED_JSON, INVALID_REQUEST, INVALID_PARAMETER, INVALID_HEADER, UNREADABLE_BODY, REQUEST_TIMEOUT,
        BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
    ];
    /// What every list may answer.
    WithQuery = [INVALID_PARAMETER, INVALID_CURSOR];
    /// What every operation on one thing may answer.
    Unknown = [NOT_FOUND];
    /// What operations with an idempotency key may answer.
    Conflicting = [IDEMPOTENCY_CONFLICT];
    /// What recording an event may answer.
    OtherEvent = [EVENT_CONFLICT];
    /// What steps of the status machine may answer.
    WrongStatus = [INVALID_TRANSITION];
    /// What storing a template may answer.
    NameTaken = [NAME_TAKEN];
    /// What storing a webhook endpoint may answer.
    TooManyEndpoints = [TOO_MANY_ENDPOINTS];
    /// What sending to a webhook endpoint may answer.
    DisabledEndpoint = [ENDPOINT_DISABLED];
    /// What rendering may answer.
    Unfit = [UNPROCESSABLE];
    /// What connecting a WebSocket may answer.
    Socket = [
        INVALID_PARAMETER, UNAUTHORIZED, FORBIDDEN, RATE_LIMITED, FOREIGN_ORIGIN, UNKNOWN_HOST, UPGRADE_REQUIRED, INTERNAL, UNAVAILABLE,
        BUSY, TIMEOUT, LIVE_LIMIT,
    ];
    /// What opening a stream of live status may answer.
    Stream = [
        INVALID_PARAMETER, INVALID_CURSOR, UNAUTHORIZED, FORBIDDEN, UNKNOWN_HOST, RATE_LIMITED, NOT_FOUND, TOO_FAR_BEHIND, INTERNAL, UNAVAILABLE, BUSY,
        TIMEOUT, LIVE_LIMIT,
    ];
    /// What readiness may answer.
    NotReady = [NOT_READY];
}

/// One response a status, which lists the kinds of problems that it stands for.
fn responses(kinds: &[&Kind]) -> BTreeMap<String, RefOr<ResponseDoc>> {
    let mut descriptions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for kind in kinds {
        let line = format!("`{}`: {}.", kind.slug, kind.title);
        descriptions.entry(kind.status.as_str().to_owned()).or_default().push(line);
    }
    let document = |lines: Vec<String>| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new().description(lines.join(" "));
        RefOr::T(response.content("application/problem+json", content).build())
    };
    descriptions.into_iter().map(|(status, lines)| (status, document(lines))).collect()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Angaros",
        description = "A self-hosted messaging engine: notifications by SMS, e-mail, push and webhook, with retries, \
                       a trace of everything that happened, and nothing lost.\n\n\
                       Every error is a problem document (RFC 9457); its `type` leads to a page that explains it. \
                       Times are answered in RFC 3339, UTC, with milliseconds. Unknown fields and parameters are \
                       refused. Calls need a key as soon as the service has one.\n\n\
                       Each key, and each address without one, has so many calls a minute as the operator allows; \
                       metrics queries have a limit of their own. Where there is a limit, every answer of an operation \
                       that needs a key says in `RateLimit-Policy` what it is and in `RateLimit` what is left of it.\n\n\
                       `/events`, `/events/bulk`, `/recipients/{recipient_id}/activity`, `/messages`, \
                       `/messages/{message_id}/timeline`, `/campaigns/{campaign_id}/summary`, `/start`, `/stop`, \
                       `/docs/index.html` and `/docs/openapi.yaml` are other names of routes below.",
        license(name = "MIT OR Apache-2.0")
    ),
    tags(
        (name = tag::NOTIFICATIONS, description = "Send, follow, take back and send again."),
        (name = tag::TEMPLATES, description = "Texts with variables."),
        (name = tag::SUPPRESSIONS, description = "Addresses that nothing is sent to."),
        (name = tag::MESSAGES, description = "What was sent, and what came of it."),
        (name = tag::EVENTS, description = "Record what happened, read it, and count it."),
        (name = tag::WEBHOOKS, description = "Have events posted to endpoints of yours, signed and retried."),
        (name = tag::LIVE, description = "Statuses as they change, over WebSockets and event streams."),
        (name = tag::WORKER, description = "Pause and resume sending."),
        (name = tag::SERVICE, description = "Health, numbers and documents.")
    ),
    components(schemas(
        ProblemBody,
        timeline::Order,
        GroupByName,
        LiveRequest,
        LiveUpdate,
        Acknowledgement,
        ErrorFrame
    )),
    security(("api_key" = []), ("bearer" = [])),
    modifiers(&Keys)
)]
struct Base;

/// How callers show their key.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let description = "A key, as `angaros keys create` showed it.";
        components.add_security_scheme(
            "api_key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("X-API-Key", description))),
        );
        components.add_security_scheme(
            "bearer",
            SecurityScheme::Http(
                HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build(),
            ),
        );
    }
}

/// Every route that the document describes.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    let api = OpenApiRouter::new()
        .routes(routes!(notifications::create::create, notifications::list::list))
        .routes(routes!(notifications::get::get))
        .routes(routes!(notifications::cancel::cancel))
        .routes(routes!(notifications::trace::trace))
        .routes(routes!(notifications::retry::retry))
        .routes(routes!(notifications::retry::retry_many))
        .routes(routes!(notifications::batch::create))
        .routes(routes!(notifications::batch::get))
        .routes(routes!(templates::create, templates::list))
        .routes(routes!(templates::get, templates::update, templates::delete))
        .routes(routes!(templates::preview))
        .routes(routes!(suppressions::create, suppressions::list))
        .routes(routes!(suppressions::create_many))
        .routes(routes!(suppressions::get, suppressions::delete))
        .routes(routes!(messages::list))
        .routes(routes!(messages::timeline))
        .routes(routes!(events::create::create, events::list::list))
        .routes(routes!(events::bulk::create))
        .routes(routes!(events::get::get))
        .routes(routes!(events::metrics::get))
        .routes(routes!(recipients::activity))
        .routes(routes!(campaigns::list))
        .routes(routes!(campaigns::summary))
        .routes(routes!(webhook_endpoints::endpoint::create, webhook_endpoints::endpoint::list))
        .routes(routes!(
            webhook_endpoints::endpoint::get,
            webhook_endpoints::endpoint::change,
            webhook_endpoints::endpoint::delete
        ))
        .routes(routes!(webhook_endpoints::secret::get))
        .routes(routes!(webhook_endpoints::secret::rotate))
        .routes(routes!(webhook_endpoints::ping::ping))
        .routes(routes!(webhook_endpoints::deliveries::list))
        .routes(routes!(webhook_endpoints::deliveries::get))
        .routes(routes!(webhook_endpoints::deliveries::retry))
        .routes(routes!(ws::connect))
        .routes(routes!(stream::open))
        .routes(routes!(worker::get))
        .routes(routes!(worker::start))
        .routes(routes!(worker::stop))
        .routes(routes!(metrics::get));
    let mut all = OpenApiRouter::with_openapi(Base::openapi())
        .nest(BASE, api)
        .routes(routes!(prometheus::get))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::readyz))
        .routes(routes!(health::ready))
        .routes(routes!(problems::list))
        .routes(routes!(problems::get))
        .routes(routes!(json))
        .routes(routes!(yaml))
        .routes(routes!(docs::page));
    complete(all.get_openapi_mut());
    all
}

/// The document, for tools that want it without a running service.
pub fn document() -> Document {
    routes().into_openapi()
}

/// Where WebSockets connect.
pub(crate) const SOCKET_PATH: &str = "/api/v1/ws/notifications";

/// What the parameter and the header of the correlation id are called in the document.
const CORRELATION: &str = "CorrelationId";

/// Answers always have all of their keys, but for these, which have those that apply.
const SPARSE: [&str; 13] = [
    "Problem",
    "Fault",
    "EventResult",
    "EventsReceipt",
    "EventsQueued",
    "RefusedEvent",
    "LineResult",
    "CloudEvent",
    "EventTally",
    "LiveAcknowledgement",
    "LiveTopic",
    "TimeBucket",
    "ValueBucket",
];

/// Says what holds for every operation and every answer.
fn complete(document: &mut Document) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            correlate(operation);
            limit(operation);
        }
    }
    let components = document.components.get_or_insert_default();
    correlation_components(components);
    limit_components(components);
    for (name, schema) in &mut components.schemas {
        if let RefOr::T(Schema::Object(object)) = schema {
            if !(name.ends_with("Request") || SPARSE.contains(&name.as_str())) {
                object.required = object.properties.keys().cloned().collect();
            }
            object.properties.values_mut().for_each(open);
            if name == "CloudEvent" {
                describe_extensions(object);
            }
        }
    }
}

/// Says of an object without named members that it may have any. It means the same without being said, but generators of
/// clients take it for an object that has none.
fn open(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(object)) = schema
        && object.properties.is_empty()
        && is_object(&object.schema_type)
    {
        let any = AdditionalProperties::FreeForm(true);
        object.additional_properties.get_or_insert_with(|| Box::new(any));
    }
}

fn is_object(schema_type: &SchemaType) -> bool {
    match schema_type {
        SchemaType::Type(only) => *only == Type::Object,
        SchemaType::Array(any) => any.contains(&Type::Object),
        SchemaType::AnyValue => false,
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// The correlation id that every request may bring, and every answer carries.
fn correlate(operation: &mut Operation) {
    let parameter = Ref::new(format!("#/components/parameters/{CORRELATION}"));
    operation.parameters.get_or_insert_default().push(RefOr::Ref(parameter));
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let header = Ref::new(format!("#/components/headers/{CORRELATION}"));
            response.headers.insert("X-Correlation-ID".to_owned(), RefOr::Ref(header));
        }
    }
}

fn correlation_components(components: &mut Components) {
    let text = || ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    let parameter = ParameterBuilder::new()
        .name("X-Correlation-ID")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "Ties the request to everything that follows from it: 1-128 visible ASCII characters. Anything else \
             counts as absent, and a fresh one is made.",
        ))
        .schema(Some(text()));
    let header = HeaderBuilder::new()
        .description(Some("The correlation id of the request: the caller's, or a fresh one."))
        .schema(Some(text()));
    components.parameters.insert(CORRELATION.to_owned(), RefOr::T(parameter.build()));
    components.headers.insert(CORRELATION.to_owned(), RefOr::T(header.build()));
}

/// Headers of an answer to a call that was one too many, and what each says.
const LIMIT_HEADERS: [(&str, &str, Type, &str); 3] = [
    ("Retry-After", "Seconds after which it is worth another try, at least 1.", Type::Integer, "RetryAfter"),
    (
        "RateLimit-Policy",
        "The limit that holds: its name, its calls, and in how many seconds, such as `\"default\";q=100;w=60`.",
        Type::String,
        "RateLimitPolicy",
    ),
    (
        "RateLimit",
        "The limit's name, the calls that are left of it, and the seconds until there is one again, or, if some are \
         left, until all are there again, such as `\"default\";r=50;t=30`.",
        Type::String,
        "RateLimit",
    ),
];

/// What a call that is one too many hears.
fn limit(operation: &mut Operation) {
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("429") {
        for (name, _, _, component) in LIMIT_HEADERS {
            let header = Ref::new(format!("#/components/headers/{component}"));
            response.headers.insert(name.to_owned(), RefOr::Ref(header));
        }
    }
}

fn limit_components(components: &mut Components) {
    for (_, description, kind, component) in LIMIT_HEADERS {
        let schema = ObjectBuilder::new().schema_type(SchemaType::new(kind));
        let header = HeaderBuilder::new().description(Some(description)).schema(Some(schema));
        components.headers.insert(component.to_owned(), RefOr::T(header.build()));
    }
}

/// The document as it is served. Written once.
pub(crate) struct Written {
    json: Bytes,
    yaml: Bytes,
}

impl Written {
    /// Writes the document in both forms.
    pub(crate) fn new(document: &Document) -> Written {
        // Both forms always exist: the document is made of strings, numbers, lists and string-keyed maps.
        Written {
            json: serde_json::to_vec(document).unwrap_or_default().into(),
            yaml: document.to_yaml().unwrap_or_default().into(),
        }
    }
}

#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi_json",
    tag = tag::SERVICE,
    summary = "This document as JSON",
    description = "The OpenAPI 3.1 document of this API.",
    responses((status = 200, description = "The document.", body = Object, content_type = "application/json")),
    security(())
)]
pub(crate) async fn json(State(app): State<AppState>) -> Response {
    ([(CONTENT_TYPE, "application/json")], app.written.json.clone()).into_response()
}

#[utoipa::path(
    get,
    path = "/openapi.yaml",
    operation_id = "openapi_yaml",
    tag = tag::SERVICE,
    summary = "This document as YAML",
    description = "The OpenAPI 3.1 document of this API.",
    responses((status = 200, description = "The document.", body = Object, content_type = "application/yaml")),
    security(())
)]
pub(crate) async fn yaml(State(app): State<AppState>) -> Response {
    ([(CONTENT_TYPE, "application/yaml")], app.written.yaml.clone()).into_response()
}
