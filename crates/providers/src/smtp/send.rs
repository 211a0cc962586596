//! One conversation with the mail server.

use std::future::Future;

use angaros_domain::Notification;
use angaros_domain::attempt::{Class, Outcome};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::time::{Instant, timeout_at};

use super::classify::{self, Cause, Fault, Stage};
use super::compose::{Email, compose};
use super::{Smtp, pool::Held};

impl Smtp {
    pub(super) async fn deliver(&self, notification: &Notification) -> Outcome {
        match compose(notification, &self.from, &self.domain, self.clock.now()) {
            Err(problem) => Outcome::new(Class::Permanent, &problem),
            Ok(email) => match self.converse(&email).await {
                Ok(response) => classify::accepted(&response, &email.message_id),
                Err(fault) => classify::failed(&fault),
            },
        }
    }

    async fn converse(&self, email: &Email) -> Result<Response, Fault> {
        let deadline = Instant::now() + self.timeout;
        let mut held = within(deadline, Stage::Connecting, self.pool.take()).await?;
        let result = transact(&mut held.connection, email, deadline).await;
        self.park(held, result.as_ref().err());
        result
    }

    /// Keeps the connection for the next message if the server has answered everything and goes on listening.
    fn park(&self, held: Held<'_>, fault: Option<&Fault>) {
        if fault.is_none_or(Fault::is_an_answer) {
            self.pool.park(held);
        }
    }
}

async fn transact(
    connection: &mut AsyncSmtpConnection,
    email: &Email,
    deadline: Instant,
) -> Result<Response, Fault> {
    let parameters = parameters(connection, email)?;
    let from = Mail::new(Some(email.from.clone()), parameters);
    within(deadline, Stage::Addressing, connection.command(from)).await?;
    within(deadline, Stage::Recipient, connection.command(Rcpt::new(email.to.clone(), vec![]))).await?;
    within(deadline, Stage::Addressing, connection.command(Data)).await?;
    within(deadline, Stage::HandingOver, connection.message(&email.bytes)).await
}

/// What the server must be told of a message with an address that is not ASCII (RFC 6531), if it can take one at all.
fn parameters(connection: &AsyncSmtpConnection, email: &Email) -> Result<Vec<MailParameter>, Fault> {
    let ascii = [&email.from, &email.to].iter().all(|address| AsRef::<str>::as_ref(*address).is_ascii());
    if ascii {
        Ok(vec![])
    } else if connection.server_info().supports_feature(Extension::SmtpUtfEight) {
        Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
    } else {
        Err(Fault { stage: Stage::Addressing, cause: Cause::NotAscii })
    }
}

async fn within<T>(
    deadline: Instant,
    stage: Stage,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Fault> {
    match timeout_at(deadline, step).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Fault { stage, cause: Cause::Server(error) }),
        Err(_) => Err(Fault { stage, cause: Cause::TooLate }),
    }
}
