//! Records signals over whatever connection there is, and says what it means that they are not on record.

use domain::Signal;
use runtime::{Deadline, Fault};
use store::Class;

use crate::app::{App, Session, patience};
use crate::record::{Past, Recorded, record};

/// Why signals are not on record.
pub(crate) enum NotRecorded {
    /// The store will never take them as they are.
    Refused(String),
    /// The store answers, and fails: at these, or at everything.
    Failed(Fault),
    /// The store is not to be had.
    Gone(Fault),
}

impl From<Fault> for NotRecorded {
    fn from(fault: Fault) -> Self {
        Self::Gone(fault)
    }
}

/// Records signals, and who was told of them already; over a connection that was there before and turns out dead, a second
/// time over a new one.
pub(crate) async fn persist(
    app: &App,
    session: &mut Session,
    signals: &[Signal],
    past: Past<'_>,
    deadline: &Deadline,
) -> Result<Recorded, NotRecorded> {
    let mut reused = session.ready(app, deadline).await?;
    loop {
        let mut rules = session.rules(app);
        rules.past = past;
        let error = match record(session.parts(app)?.0, signals, &rules, patience(deadline)).await {
            Ok(recorded) => return Ok(recorded),
            Err(error) => error,
        };
        // It may hold an open transaction.
        session.drop_connection();
        match error.class() {
            Class::Refused => return Err(NotRecorded::Refused(Fault::from(error).message)),
            Class::Failed => return Err(NotRecorded::Failed(error.into())),
            Class::Unavailable | Class::Outdated if reused => match session.ready(app, deadline).await {
                Ok(there_before) => reused = there_before,
                // The first failure says more than that there is no time or no way to try again.
                Err(_) => return Err(NotRecorded::Gone(error.into())),
            },
            _ => return Err(NotRecorded::Gone(error.into())),
        }
    }
}
