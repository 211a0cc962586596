//! Reading one store and filling another, a page at a time.

use std::collections::BTreeMap;

use angaros_store::transfer::{Contents, Export, Import, Inventory, Part, Rows};
use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::progress::Progress;

/// Pages that are read ahead.
const AHEAD: usize = 2;

/// Both ends, and who is told how far it is.
pub(super) struct Moving<'m> {
    pub(super) source: &'m dyn Export,
    pub(super) target: &'m dyn Import,
    pub(super) progress: &'m Progress,
    pub(super) stop: &'m CancellationToken,
}

impl Moving<'_> {
    /// Looks through everything that a store holds; nothing if it is interrupted.
    pub(super) async fn count(&self, store: &dyn Export) -> Result<Option<Inventory>> {
        let mut inventory = Inventory::new();
        for part in Part::ALL {
            let mut contents = Contents::default();
            let (pages, mut read) = mpsc::channel(AHEAD);
            let counting = async {
                while let Some(page) = read.recv().await {
                    if self.stop.is_cancelled() {
                        break;
                    }
                    contents.add(&page);
                    self.progress.add(page.count());
                }
                read.close();
                Ok(())
            };
            tokio::try_join!(store.export(part, 0, pages), counting)
                .with_context(|| format!("{part} cannot be read"))?;
            if self.stop.is_cancelled() {
                return Ok(None);
            }
            inventory.insert(part, contents);
        }
        Ok(Some(inventory))
    }

    /// Copies every part from behind the rows that are there already; whether all came to their ends.
    pub(super) async fn copy_all(&self, done: &BTreeMap<Part, u64>) -> Result<bool> {
        for part in Part::ALL {
            if !self.copy(part, done.get(&part).copied().unwrap_or(0)).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn copy(&self, part: Part, done: u64) -> Result<bool> {
        self.progress.say(part.as_str());
        let (pages, mut read) = mpsc::channel::<Rows>(AHEAD);
        let writing = async {
            let mut done = done;
            while let Some(page) = read.recv().await {
                if self.stop.is_cancelled() {
                    break;
                }
                let count = page.count();
                self.target.import(done, page).await?;
                done += count;
                self.progress.add(count);
            }
            read.close();
            Ok(())
        };
        tokio::try_join!(self.source.export(part, done, pages), writing)
            .with_context(|| format!("{part} could not be moved; the same command goes on here"))?;
        Ok(!self.stop.is_cancelled())
    }
}
