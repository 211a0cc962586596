//! Health.

use serde::Serialize;
use utoipa::ToSchema;

/// The process runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Live {
    /// Always `live`.
    #[schema(example = "live")]
    pub(crate) status: &'static str,
}

/// The service can work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    /// Always `ready`; what is not ready is answered with 503.
    #[schema(example = "ready")]
    pub(crate) status: &'static str,
    /// Everything that it needs.
    pub(crate) dependencies: Vec<Dependency>,
}

/// Something that the service needs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Dependency {
    /// What it is.
    #[schema(example = "store")]
    pub(crate) name: &'static str,
    /// Whether it answers.
    pub(crate) status: DependencyStatus,
}

/// Whether something answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DependencyStatus {
    /// It does.
    Up,
    /// It does not, and what needs it is done in another way meanwhile: the service goes on.
    Degraded,
    /// It does not.
    Down,
}
