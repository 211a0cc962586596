//! Templates and pauses.

use angaros_domain::template::{Source, Template};
use angaros_domain::{Channel, TemplateId, TenantId, Timestamp};
use angaros_store::{PageRequest, Pauses, Result, TemplateStored};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, params};

use crate::error::SqliteResult;
use crate::row;

pub(crate) const TEMPLATE: &str = "id, tenant, name, subject, body, html, updated_at";

pub(crate) fn template(row: &Row<'_>) -> rusqlite::Result<Template> {
    let id = TemplateId(row::uuid(row, 0)?);
    Ok(Template {
        id,
        tenant: TenantId(row.get(1)?),
        name: row.get(2)?,
        source: Source { subject: row.get(3)?, body: row.get(4)?, html: row.get(5)? },
        created_at: id.created_at(),
        updated_at: row::time(row, 6)?.unwrap_or_default(),
    })
}

pub(crate) fn insert(connection: &Connection, t: &Template) -> Result<TemplateStored> {
    let sql = "INSERT INTO templates VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    write_template(connection, sql, t)
}

pub(crate) fn update(connection: &Connection, t: &Template) -> Result<TemplateStored> {
    let sql = "UPDATE templates SET name = ?3, subject = ?4, body = ?5, html = ?6, updated_at = ?7
               WHERE id = ?1 AND tenant = ?2";
    write_template(connection, sql, t)
}

fn write_template(connection: &Connection, sql: &str, t: &Template) -> Result<TemplateStored> {
    let source = &t.source;
    let written = connection.prepare_cached(sql).stored()?.execute(params![
        t.id.0.as_bytes(),
        t.tenant.0,
        t.name,
        source.subject,
        source.body,
        source.html,
        t.updated_at.as_millis(),
    ]);
    match written {
        Ok(0) => Ok(TemplateStored::Unknown),
        Ok(_) => Ok(TemplateStored::Done),
        // The unique name; ids are fresh, so nothing else can be violated.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Ok(TemplateStored::NameTaken)
        }
        Err(error) => Err(error).stored(),
    }
}

pub(crate) fn delete(connection: &Connection, tenant: TenantId, id: TemplateId) -> Result<bool> {
    let sql = "DELETE FROM templates WHERE id = ?1 AND tenant = ?2";
    let deleted = connection.prepare_cached(sql).stored()?.execute(params![id.0.as_bytes(), tenant.0]);
    Ok(deleted.stored()? > 0)
}

pub(crate) fn templates(
    connection: &Connection,
    tenant: TenantId,
    ids: &[TemplateId],
) -> Result<Vec<Option<Template>>> {
    let sql = format!("SELECT {TEMPLATE} FROM templates WHERE id = ?1 AND tenant = ?2");
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let mut find = |id: &TemplateId| {
        statement.query_row(params![id.0.as_bytes(), tenant.0], template).optional().stored()
    };
    ids.iter().map(&mut find).collect()
}

pub(crate) fn template_page(
    connection: &Connection,
    tenant: TenantId,
    page: &PageRequest<TemplateId>,
) -> Result<Vec<Template>> {
    let sql = format!(
        "SELECT {TEMPLATE} FROM templates INDEXED BY templates_newest
         WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"
    );
    let after = page.after.map_or(uuid::Uuid::max(), |id| id.0);
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let rows = statement.query_map(params![tenant.0, after.as_bytes(), limit], template).stored()?;
    rows.collect::<rusqlite::Result<_>>().stored()
}

pub(crate) fn pauses_set(
    connection: &Connection,
    channels: &[Channel],
    paused: bool,
    now: Timestamp,
) -> Result<Pauses> {
    for channel in channels {
        if paused {
            let sql = "INSERT INTO pauses VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            connection
                .prepare_cached(sql)
                .stored()?
                .execute(params![channel.as_str(), now.as_millis()])
                .stored()?;
        } else {
            let sql = "DELETE FROM pauses WHERE channel = ?1";
            connection.prepare_cached(sql).stored()?.execute([channel.as_str()]).stored()?;
        }
    }
    pauses(connection)
}

pub(crate) fn pauses(connection: &Connection) -> Result<Pauses> {
    let mut statement = connection.prepare_cached("SELECT channel, since FROM pauses").stored()?;
    let rows = statement
        .query_map([], |row| Ok((row::parsed(row, 0)?, row::time(row, 1)?.unwrap_or_default())))
        .stored()?;
    Ok(Pauses { channels: rows.collect::<rusqlite::Result<_>>().stored()? })
}
