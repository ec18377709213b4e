//! Connections that say nothing, do nothing, are too many, or are used to make work and take it back.

use std::time::Duration;

use futures::future::join_all;
use tonic::transport::Endpoint;

use super::{PATIENCE, garden, may, until};
use crate::support::binary::{Process, url};
use crate::support::raw::{self, PREFACE, RawConnection};
use crate::support::{Clients, Service, fresh_database};

const CHECK: &str = "/rolegate.v1.AuthorizationService/Check";
const LIST: &str = "/rolegate.v1.AuthorizationService/ListProjects";

/// What a server says that has had enough of somebody.
const ENHANCE_YOUR_CALM: u32 = 11;

async fn closed(connection: &mut RawConnection) -> Option<u32> {
    tokio::time::timeout(PATIENCE, connection.until_closed()).await.expect("it is closed")
}

async fn is_open(connection: &mut RawConnection) -> bool {
    tokio::time::timeout(Duration::from_millis(1_500), connection.until_closed()).await.is_err()
}

#[tokio::test]
async fn connections_beyond_the_bound_are_closed_at_once_and_a_place_that_is_left_is_taken_again() {
    let service = garden(&["--max-connections", "3"]).await;
    let mut others = vec![RawConnection::open(service.address).await, RawConnection::open(service.address).await];
    // the service may not have taken them yet
    until(async || {
        let mut extra = RawConnection::open(service.address).await;
        tokio::time::timeout(Duration::from_millis(500), extra.until_closed()).await.is_ok()
    })
    .await;
    assert!(may(&service).await, "who was there before goes on");
    assert!(is_open(&mut others[0]).await);
    others.pop();
    until(async || {
        let endpoint = Endpoint::from_shared(format!("http://{}", service.address)).unwrap();
        let clients = Clients::on(endpoint.connect_lazy());
        clients.check("ann", "ann/trees", "view_project").await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn who_does_not_begin_to_speak_is_not_waited_for() {
    let service = garden(&["--handshake-timeout", "500ms"]).await;
    let mut silent = RawConnection::silent(service.address).await;
    let mut half = RawConnection::silent(service.address).await;
    half.send(&PREFACE[..10]).await.unwrap();
    let mut slow = RawConnection::silent(service.address).await;
    let drips = async {
        for byte in PREFACE.iter().chain(&[0; 8]) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if slow.send(&[*byte]).await.is_err() {
                return;
            }
        }
        closed(&mut slow).await;
    };
    tokio::join!(closed(&mut silent), closed(&mut half), async {
        tokio::time::timeout(PATIENCE, drips).await.unwrap()
    });
    let mut speaks = RawConnection::open(service.address).await;
    assert!(is_open(&mut speaks).await, "who speaks may stay");
    assert!(may(&service).await);
}

#[tokio::test]
async fn who_only_pings_is_idle_and_who_asks_is_not() {
    let service = garden(&["--idle-timeout", "1s"]).await;
    let mut idle = RawConnection::open(service.address).await;
    let mut pings = RawConnection::open(service.address).await;
    let pinging = async {
        while pings.ping().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    // one connection all the while: a channel that was closed would not say so
    let endpoint = Endpoint::from_shared(format!("http://{}", service.address)).unwrap();
    let asking = Clients::on(endpoint.connect().await.unwrap());
    let busy = async {
        loop {
            assert!(may(&asking).await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let both = async { tokio::join!(closed(&mut idle), tokio::time::timeout(PATIENCE, pinging)) };
    tokio::select! {
        (_, pinged) = both => pinged.expect("pings keep nothing open"),
        () = busy => {}
    }
}

#[tokio::test]
async fn a_connection_that_is_old_is_ended_in_order() {
    let service = garden(&["--max-connection-age", "1s"]).await;
    let mut old = RawConnection::open(service.address).await;
    assert_eq!(closed(&mut old).await, Some(0), "it is told to go, without blame");
    // a caller that opens another notices nothing
    for _ in 0..30 {
        assert!(may(&service).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_opens_calls_only_to_reset_them_is_cut_off_and_costs_others_nothing() {
    let service = garden(&[]).await;
    let attack = async {
        for path in [CHECK, LIST] {
            let mut connection = RawConnection::open(service.address).await;
            let calls = (0..20_000).map(|number| number * 2 + 1);
            let all: Vec<u8> =
                calls.flat_map(|stream| [raw::call(stream, path), raw::reset(stream)].concat()).collect();
            // it is closed before all is sent
            let _ = connection.send(&all).await;
            let said = closed(&mut connection).await;
            // where the reset of the connection overtakes what it said, nothing is heard of it
            assert!(said.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{said:?}");
        }
    };
    let good = async {
        loop {
            assert!(may(&service).await);
        }
    };
    tokio::select! {
        () = attack => {}
        () = good => {}
    }
    assert!(may(&service).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_idle_connections_take_little_and_leave_checks_alone() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    service.create_users(&["ann"]).await;
    service.create_project("ann/trees", false).await;
    service.stop().await;
    let process = Process::start("serve", &["--database-url", &url(&database)]).await;
    rolegate::server::until_serving(process.channel.clone()).await;
    let clients = Clients::on(process.channel.clone());
    assert!(may(&clients).await);
    let quiet = process.memory();
    let mut idle = join_all((0..500).map(|_| RawConnection::open(process.address))).await;
    for connection in &mut idle {
        // an answer shows that it was taken in
        connection.ping().await.unwrap();
    }
    for _ in 0..100 {
        assert!(may(&clients).await);
    }
    let crowded = process.memory();
    println!("500 idle connections: {quiet} KiB became {crowded} KiB");
    assert!(crowded < quiet + 500 * 64, "64 KiB each at the most: {quiet} KiB became {crowded} KiB");
    drop(idle);
    assert!(may(&clients).await);
}
