//! Every backend passes the suite that defines a store.

#![expect(clippy::unwrap_used, reason = "a test that cannot open its store has failed")]

use std::sync::Arc;

use guidepost_store::Store;

mod memory {
    use super::*;

    fn open() -> (Arc<dyn Store>, ()) {
        (Arc::new(guidepost_store::memory::Memory::new()), ())
    }

    guidepost_store::conformance!(open());
}

mod sqlite {
    use super::*;

    fn open() -> (Arc<dyn Store>, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("guidepost.db");
        (guidepost_store::open(path.to_str().unwrap()).unwrap(), directory)
    }

    guidepost_store::conformance!(open());
}
