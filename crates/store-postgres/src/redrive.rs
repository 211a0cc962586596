//! Redriving: dead letters go back to the queue with fresh attempts. Those that are chosen are locked, so that of two that
//! choose at once each gets others.

use angaros_domain::lifecycle::Change;
use angaros_domain::{Notification, NotificationId, Status};
use angaros_store::{RedriveParams, Redriven};

use crate::claim::{self, Lock};
use crate::error::Run;
use crate::lease::{self, Key};
use crate::list::Conditions;
use crate::log::Log;
use crate::row;
use crate::session::Session;
use crate::{enqueue, list};

pub(crate) async fn redrive(session: &Session<'_>, params: &RedriveParams) -> Run<Redriven> {
    let mut redriven = Redriven::default();
    let mut chosen = match &params.filter.ids {
        Some(ids) => choose_by_id(session, params, ids, &mut redriven).await?,
        None => choose(session, params).await?,
    };
    let mut log = Log::default();
    let mut places = Vec::with_capacity(chosen.len());
    for n in &mut chosen {
        let events = n.apply(Change::Redrive, params.now)?;
        places.push(log.append_all(events));
    }
    let all: Vec<&Notification> = chosen.iter().collect();
    row::update_notifications(session, &all).await?;
    enqueue::make_ready(session, &all).await?;
    let placed = log.finish(session).await?;
    redriven.done = chosen.into_iter().zip(places).map(|(n, place)| (n, placed.position(place))).collect();
    Ok(redriven)
}

async fn choose_by_id(
    session: &Session<'_>,
    params: &RedriveParams,
    ids: &[NotificationId],
    redriven: &mut Redriven,
) -> Run<Vec<Notification>> {
    let mut keys: Vec<Key> = ids.iter().map(|id| (params.tenant, *id)).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut found = claim::find(session, &keys, Lock::Update).await?;
    let claimed = lease::claimed_among(session, ids).await?;
    let mut chosen = Vec::new();
    for key in keys {
        let (_, id) = key;
        match found.remove(&key) {
            None => redriven.unknown.push(id),
            Some(n) if n.status != Status::Failed => {
                let status = if claimed.contains_key(&id) { Status::Processing } else { n.status };
                redriven.refused.push((id, status));
            }
            Some(n) if chosen.len() < params.limit && params.chooses(&n) => chosen.push(n),
            Some(_) => {}
        }
    }
    Ok(chosen)
}

/// The dead letters that the conditions choose, oldest first, but for those that others just send back.
async fn choose(session: &Session<'_>, params: &RedriveParams) -> Run<Vec<Notification>> {
    let filter = &params.filter;
    let mut conditions = Conditions::of_status(params.tenant, Some(Status::Failed));
    conditions.number("n.failed_at <= ", params.failed_until.as_millis());
    filter.channel.iter().for_each(|channel| conditions.text("n.channel = ", channel.as_str()));
    filter.campaign_id.iter().for_each(|id| conditions.text("n.campaign_id = ", id));
    filter.batch_id.iter().for_each(|id| conditions.uuid("n.batch_id = ", id.0));
    filter.failure_reason.iter().for_each(|reason| conditions.text("n.failure_reason = ", reason.as_str()));
    filter.created_after.iter().for_each(|at| conditions.id(">=", list::id_floor(*at)));
    filter.created_before.iter().for_each(|at| conditions.id("<", list::id_floor(*at)));
    list::select(session, conditions, "ASC", params.limit, "FOR UPDATE OF n SKIP LOCKED").await
}
