//! Query parameters of operations that have none: refused, like unknown ones of those that have some.
//!
//! Which operations those are, the OpenAPI document says. Public ones are left alone: probes and browsers add
//! parameters of their own.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{OpenApi as Document, RefOr};

use crate::extract::no_parameters;

/// The methods and paths of operations without query parameters.
#[derive(Debug, Clone)]
pub(crate) struct Without(Arc<HashSet<(Method, String)>>);

impl Without {
    /// Reads them from the document.
    pub(crate) fn of(document: &Document) -> Without {
        let mut found = HashSet::new();
        for (path, item) in &document.paths.paths {
            for (method, operation) in [
                (Method::GET, &item.get),
                (Method::HEAD, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::DELETE, &item.delete),
                (Method::PATCH, &item.patch),
            ] {
                if operation.as_ref().is_some_and(takes_none) {
                    found.insert((method, path.clone()));
                }
            }
        }
        Without(Arc::new(found))
    }
}

/// Only public operations say anything about keys: that they need none.
fn takes_none(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    let in_query = |p: &RefOr<Parameter>| matches!(p, RefOr::T(p) if p.parameter_in == ParameterIn::Query);
    operation.security.is_none() && !parameters.any(in_query)
}

/// Lets a request through unless it brings parameters to an operation that has none.
pub(crate) async fn check(State(without): State<Without>, request: Request, next: Next) -> Response {
    if let (Some(path), Some(query)) = (request.extensions().get::<MatchedPath>(), request.uri().query())
        && without.0.contains(&(request.method().clone(), path.as_str().to_owned()))
        && let Err(problem) = no_parameters(query)
    {
        return problem.into_response();
    }
    next.run(request).await
}
