//! What cases about strange servers have in common: cluster `fake`, whose only partition is a fake server, and its
//! functions `scene.fake()`, which returns a text, and `scene.fakes()`, which returns a set of them.

use plproxy_fault::fake::{Fake, Peer};
use plproxy_fault::proxy::wait_until;
use plproxy_fault::scene::Scene;
use plproxy_fault::wire;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Makes the functions. Their requests are one flight: Parse, Bind, Execute, Sync.
pub fn begin(scene: &mut Scene) {
    scene.set_option("fake", "prepared_statements", "off");
    scene.on_coordinator(
        "create function scene.fake() returns text language plproxy as $$ cluster 'fake'; run on 0; $$;
         create function scene.fakes() returns setof text language plproxy as $$ cluster 'fake'; run on 0; $$",
    );
    // What remains in the pool after the case.
    scene.allow_connections(1);
}

/// A fake server, and how many of its sessions the client has ended.
pub struct Scripted {
    pub server: Fake,
    gone: Arc<AtomicUsize>,
}

impl Scripted {
    /// Puts a fake server into the cluster. Its sessions are numbered from 0; a session whose talk has ended waits for
    /// the client to go.
    pub fn new(
        scene: &mut Scene,
        talk: impl Fn(usize, &mut Peer) -> io::Result<()> + Send + Sync + 'static,
    ) -> Scripted {
        let (sessions, gone) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let theirs = gone.clone();
        let server = Fake::new(move |peer| {
            // A client that has enough of it goes in the middle of the talk.
            let talked = talk(sessions.fetch_add(1, SeqCst), peer);
            let ended = talked.and_then(|()| peer.fall_silent());
            theirs.fetch_add(1, SeqCst);
            ended
        });
        scene.add_cluster("fake", &[scene.conninfo(&server.address(), "fake")]);
        Scripted { server, gone }
    }

    /// One whose first session goes on like this after the login, and whose others are those of a server in its right mind.
    pub fn at_first(scene: &mut Scene, talk: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static) -> Scripted {
        Scripted::new(scene, move |session, peer| {
            peer.log_in()?;
            match session {
                0 => talk(peer),
                _ => serve(peer, "good"),
            }
        })
    }

    /// Waits until the client has closed so many sessions.
    pub fn wait_for_closed(&self, count: usize) {
        wait_until("the connection to be closed", || self.gone.load(SeqCst) >= count);
    }

    /// How many sessions the client has closed.
    pub fn closed(&self) -> usize {
        self.gone.load(SeqCst)
    }
}

/// A server with nothing special about it, which gives the same answer to everything.
pub fn serve(peer: &mut Peer, text: &str) -> io::Result<()> {
    loop {
        peer.hear_request()?;
        peer.say(&answer(&[wire::data_row(&[Some(text.as_bytes())])]))?;
    }
}

/// A whole answer with these rows.
pub fn answer(rows: &[Vec<u8>]) -> Vec<u8> {
    [begun(), rows.concat(), ended()].concat()
}

/// What an answer begins with.
pub fn begun() -> Vec<u8> {
    [wire::message(b'1', b""), wire::message(b'2', b"")].concat()
}

/// What an answer ends with.
pub fn ended() -> Vec<u8> {
    [wire::command_complete("SELECT 1"), wire::ready_for_query()].concat()
}
