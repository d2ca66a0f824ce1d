//! The contexts that the host has created in this VM, by id.
//!
//! What is asked for is handed out, so that nothing is borrowed while a callback
//! runs. An id that the host never announced has no context; what that means is
//! the caller's business, and never a panic.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::root::Root;
use super::stream::Stream;

#[derive(Default)]
struct Contexts {
    roots: HashMap<u32, Rc<Root>>,
    streams: HashMap<u32, Rc<Stream>>,
}

thread_local! {
    // A VM has one thread; natively each thread is a VM of its own.
    static CONTEXTS: RefCell<Contexts> = RefCell::default();
}

/// Makes a root, or a stream of the root `parent`.
pub(super) fn create(id: u32, parent: u32) {
    /// What the host gives as a root's parent.
    const NONE: u32 = 0;
    if parent == NONE {
        CONTEXTS.with_borrow_mut(|contexts| {
            // A root that is announced again keeps its configuration.
            let new = || Rc::new(Root::new(id));
            contexts.roots.entry(id).or_insert_with(new);
        });
    } else {
        // Without a root that has a configuration, the stream refuses its request.
        let worker = root(parent).and_then(|root| root.worker());
        let stream = Rc::new(Stream::new(id, worker));
        CONTEXTS.with_borrow_mut(|contexts| contexts.streams.insert(id, stream));
    }
}

/// The root with this id.
pub(super) fn root(id: u32) -> Option<Rc<Root>> {
    CONTEXTS.with_borrow(|contexts| contexts.roots.get(&id).cloned())
}

/// The stream with this id.
pub(super) fn stream(id: u32) -> Option<Rc<Stream>> {
    CONTEXTS.with_borrow(|contexts| contexts.streams.get(&id).cloned())
}

/// Forgets the context with this id.
pub(super) fn delete(id: u32) {
    // Dropped only when nothing is borrowed any more.
    let _forgotten = CONTEXTS
        .with_borrow_mut(|contexts| (contexts.streams.remove(&id), contexts.roots.remove(&id)));
}
