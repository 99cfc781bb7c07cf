//! A store without the rev check: what tests of races must find out.

use std::sync::Arc;

use async_trait::async_trait;
use guidepost_core::id::{Rev, RunNo, Tenant};

use super::Layer;
use crate::{Batch, Committed, Store, StoreError};

/// A store that commits at whatever rev the run is at, over another that does look. Two writers that decide at one rev both
/// win, and a suite that guards against that must fail over it.
pub struct Careless {
    inner: Arc<dyn Store>,
}

impl Careless {
    /// Takes the rev check out of a store.
    #[must_use]
    pub fn over(inner: Arc<dyn Store>) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl Layer for Careless {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        run: RunNo,
        expected: Rev,
        batch: Batch,
    ) -> Result<Committed, StoreError> {
        let mut rev = expected;
        loop {
            match self.inner.commit(tenant, run, rev, batch.clone()).await {
                Err(StoreError::Conflict { present, .. }) => rev = present,
                other => return other,
            }
        }
    }
}
