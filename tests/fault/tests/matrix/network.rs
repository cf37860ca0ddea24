//! Connections that break, stall or vanish under a call.

use plproxy_fault::cases;
use plproxy_fault::expect::{expect_lost, expect_session_ended};
use plproxy_fault::proxy::{Action, When};
use plproxy_fault::scene::Scene;

cases! {
    case_01_shard_backend_killed_mid_result: direct;
    #[ignore = "waits for cancel requests that aren't half-closed: they crash PgBouncer"]
    case_01_shard_backend_killed_mid_result: session, transaction;
    case_03_reset_after_the_request: direct, session, transaction;
    case_05_restart_between_two_calls: direct, session, transaction;
}

fn case_01_shard_backend_killed_mid_result(scene: &mut Scene) {
    let result = scene.meanwhile("select * from numbers_all(3000000)", |meanwhile| {
        meanwhile.proxies[1].wait_for_received(b'D', 1000);
        meanwhile.terminate_shard(1, "numbers");
    });
    expect_session_ended(result, "public.numbers_all(1)", "fault_shard1");
    for proxy in scene.proxies() {
        assert_eq!(proxy.sent(b'E', ""), 1);
    }
}

fn case_03_reset_after_the_request(scene: &mut Scene) {
    let fault = scene.proxy(1).on(When::from_server(b'D'), Action::Reset);
    let result = scene.text("select bump(1, 'once')");
    expect_lost(result, "public.bump(2)", "fault_shard1");
    assert_eq!(fault.hits(), 1);
    assert_eq!(scene.proxy(1).sent(b'B', "once"), 1);
}

fn case_05_restart_between_two_calls(scene: &mut Scene) {
    scene.disconnect();
    assert_eq!(scene.text("select echo(1, 'again')").unwrap(), "shard1:again");
    assert_eq!(scene.proxy(1).connections(), 1);
    assert!(scene.take_notices().is_empty());
}
