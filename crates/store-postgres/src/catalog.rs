//! Templates and pauses.

use angaros_domain::template::{Source, Template};
use angaros_domain::{Channel, TemplateId, TenantId, Timestamp};
use angaros_store::{PageRequest, Pauses, TemplateStored};
use tokio_postgres::Row;

use crate::error::Run;
use crate::row::{self, column, get};
use crate::session::Session;
use crate::text::Text;
use crate::values::values;

pub(crate) const TEMPLATE: &str = "id, tenant, name, subject, body, html, updated_at";

pub(crate) fn template(row: &Row) -> Run<Template> {
    let id = TemplateId(get(row, 0)?);
    Ok(Template {
        id,
        tenant: TenantId(get(row, 1)?),
        name: row::text(row, 2)?,
        source: Source {
            subject: row::optional_text(row, 3)?,
            body: row::text(row, 4)?,
            html: row::optional_text(row, 5)?,
        },
        created_at: id.created_at(),
        updated_at: row::at(row, 6)?,
    })
}

pub(crate) async fn insert(session: &Session<'_>, t: &Template) -> Run<TemplateStored> {
    // An error would undo the transaction; ids are fresh, so that only the name can be taken.
    let sql = "INSERT INTO templates VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    let written = write(session, sql, t).await?;
    Ok(if written > 0 { TemplateStored::Done } else { TemplateStored::NameTaken })
}

pub(crate) async fn update(session: &Session<'_>, t: &Template) -> Run<TemplateStored> {
    let sql = "SELECT id FROM templates WHERE tenant = $1 AND (id = $2 OR name = $3) ORDER BY id FOR UPDATE";
    let rows = session.rows(sql, values![t.tenant.0, t.id.0, Text(&t.name)]).await?;
    let found: Vec<TemplateId> = row::all(&rows, |row| Ok(TemplateId(get(row, 0)?)))?;
    if !found.contains(&t.id) {
        return Ok(TemplateStored::Unknown);
    }
    if found.len() > 1 {
        return Ok(TemplateStored::NameTaken);
    }
    let sql = "UPDATE templates SET name = $3, subject = $4, body = $5, html = $6, updated_at = $7
        WHERE id = $1 AND tenant = $2";
    write(session, sql, t).await?;
    Ok(TemplateStored::Done)
}

async fn write(session: &Session<'_>, sql: &str, t: &Template) -> Run<u64> {
    let source = &t.source;
    let values = values![
        t.id.0,
        t.tenant.0,
        Text(&t.name),
        source.subject.as_deref().map(Text),
        Text(&source.body),
        source.html.as_deref().map(Text),
        t.updated_at.as_millis(),
    ];
    session.execute(sql, values).await
}

pub(crate) async fn delete(session: &Session<'_>, tenant: TenantId, id: TemplateId) -> Run<bool> {
    let sql = "DELETE FROM templates WHERE id = $1 AND tenant = $2";
    Ok(session.execute(sql, values![id.0, tenant.0]).await? > 0)
}

pub(crate) async fn templates(
    session: &Session<'_>,
    tenant: TenantId,
    ids: &[TemplateId],
) -> Run<Vec<Option<Template>>> {
    let sql = format!("SELECT {TEMPLATE} FROM templates WHERE id = ANY($1) AND tenant = $2");
    let rows = session.rows(&sql, values![column(ids, |id| id.0), tenant.0]).await?;
    let found = row::all(&rows, template)?;
    Ok(ids.iter().map(|id| found.iter().find(|t| t.id == *id).cloned()).collect())
}

pub(crate) async fn template_page(
    session: &Session<'_>,
    tenant: TenantId,
    page: &PageRequest<TemplateId>,
) -> Run<Vec<Template>> {
    let sql =
        format!("SELECT {TEMPLATE} FROM templates WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    let after = page.after.map_or(uuid::Uuid::max(), |id| id.0);
    row::all(&session.rows(&sql, values![tenant.0, after, row::limit(page.limit)]).await?, template)
}

pub(crate) async fn pauses_set(
    session: &Session<'_>,
    channels: &[Channel],
    paused: bool,
    now: Timestamp,
) -> Run<Pauses> {
    let mut names = column(channels, |channel| channel.as_str());
    names.sort_unstable();
    names.dedup();
    if paused {
        let sql = "INSERT INTO pauses SELECT name, $2 FROM unnest($1) AS u (name) ON CONFLICT DO NOTHING";
        session.execute(sql, values![names, now.as_millis()]).await?;
    } else {
        session.execute("DELETE FROM pauses WHERE channel = ANY($1)", values![names]).await?;
    }
    pauses(session).await
}

pub(crate) async fn pauses(session: &Session<'_>) -> Run<Pauses> {
    let rows = session.rows("SELECT channel, since FROM pauses", values![]).await?;
    let channels = row::all(&rows, |row| Ok((row::parsed(row, 0)?, row::at(row, 1)?)))?;
    Ok(Pauses { channels: channels.into_iter().collect() })
}
