//! The pages, one file each. What a page is asked, what it shows, and what its forms do stand together.

mod campaign;
mod campaigns;
mod dead_letters;
mod event;
mod events;
mod keys;
mod notification;
mod notifications;
mod overview;
mod recipient;
mod send;
mod sign_in;
mod template_preview;
mod templates;
mod webhook;
mod webhook_delivery;
mod webhooks;

use axum::Router;
use axum::routing::{get, post};

use crate::AppState;

/// Every page.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/console", get(overview::show))
        .route("/console/worker/pause", post(overview::pause))
        .route("/console/worker/resume", post(overview::resume))
        .route("/console/notifications", get(notifications::list))
        .route("/console/notifications/{id}", get(notification::show))
        .route("/console/notifications/{id}/cancel", post(notification::cancel))
        .route("/console/notifications/{id}/retry", post(notification::retry))
        .route("/console/recipients/{id}", get(recipient::show))
        .route("/console/recipients/{id}/suppress", post(recipient::suppress))
        .route("/console/recipients/{id}/unsuppress", post(recipient::unsuppress))
        .route("/console/campaigns", get(campaigns::list))
        .route("/console/campaigns/{campaign_id}", get(campaign::show))
        .route("/console/events", get(events::list))
        .route("/console/events/{id}", get(event::show))
        .route("/console/dead-letters", get(dead_letters::list))
        .route("/console/dead-letters/retry", get(dead_letters::ask).post(dead_letters::retry))
        .route("/console/templates", get(templates::list).post(templates::create))
        .route("/console/templates/new", get(templates::new))
        .route("/console/templates/preview", post(template_preview::preview))
        .route("/console/templates/preview.html", post(template_preview::frame))
        .route("/console/templates/{id}", get(templates::show).post(templates::update))
        .route("/console/templates/{id}/html", get(template_preview::stored))
        .route("/console/templates/{id}/delete", get(templates::ask_delete).post(templates::delete))
        .merge(webhook_routes())
        .route("/console/keys", get(keys::list).post(keys::create))
        .route("/console/keys/{prefix}/revoke", get(keys::ask_revoke).post(keys::revoke))
        .route("/console/send", get(send::show).post(send::send))
        .route("/console/send/form", post(send::other_channel))
        .route("/console/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/console/sign-out", post(sign_in::sign_out))
}

/// Those of webhook endpoints.
fn webhook_routes() -> Router<AppState> {
    Router::new()
        .route("/console/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/console/webhooks/new", get(webhooks::new))
        .route("/console/webhooks/{id}", get(webhook::show))
        .route("/console/webhooks/{id}/edit", get(webhook::edit).post(webhook::change))
        .route("/console/webhooks/{id}/enable", post(webhook::enable))
        .route("/console/webhooks/{id}/disable", get(webhook::ask_disable).post(webhook::disable))
        .route("/console/webhooks/{id}/rotate", get(webhook::ask_rotate).post(webhook::rotate))
        .route("/console/webhooks/{id}/ping", post(webhook::ping))
        .route("/console/webhooks/{id}/delete", get(webhook::ask_delete).post(webhook::delete))
        .route(
            "/console/webhooks/{id}/deliveries/{delivery}",
            get(webhook_delivery::show).post(webhook_delivery::retry),
        )
}
