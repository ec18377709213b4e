//! Bearer keys.

use tonic::Request;
use tonic::metadata::MetadataValue;

use super::{Files, House, assert_unknown, caller, check, keys_line, new_key, question, until, with};
use crate::support::{Service, fresh_database};

#[tokio::test]
async fn only_a_key_of_the_file_lets_in() {
    let (files, old, new, other) = (Files::new(), new_key(), new_key(), new_key());
    let path = files.write("callers.toml", caller("map", &["check"], &keys_line(&[&old, &new])));
    let service = Service::start_on(fresh_database().await, &["--callers", &path]).await;
    for key in [&old, &new] {
        check(&service, Some(&key.reveal())).await.expect("two at once, for a change of keys");
    }
    assert_unknown(check(&service, None).await, "nobody");
    assert_unknown(check(&service, Some(&other.reveal())).await, "a key that is not listed");
    let right = old.reveal();
    let last = if right.ends_with('0') { '1' } else { '0' };
    let (body, swapped) = (&right[..right.len() - 1], right.replace(&right[9..17], &new.reveal()[9..17]));
    for (token, what) in [
        (format!("{body}{last}"), "a key with another end"),
        (body.to_owned(), "a key that is cut off"),
        (format!("{right}0"), "a key with more at its end"),
        (right.to_uppercase(), "a key in capitals"),
        (swapped, "a key under the id of another"),
        (old.entry(), "what stands in the file"),
        ("rolegate_".to_owned(), "a prefix alone"),
        ("rolegate__".to_owned(), "nothing in the right form"),
        (String::new(), "an empty token"),
        ("a".repeat(7_000), "a long token"),
    ] {
        assert_unknown(check(&service, Some(&token)).await, what);
    }
    for value in [format!("Basic {right}"), right.clone(), format!("Bearer{right}"), format!("Bearer  {right}")] {
        let mut request = Request::new(question());
        request.metadata_mut().insert("authorization", MetadataValue::try_from(&value).unwrap());
        assert_unknown(service.authorization().check(request).await, &value.replace(&right, "…"));
    }
    service.authorization().check(with(&right, question())).await.expect("and the right one still does");
    service.stop().await;
}

#[tokio::test]
async fn who_is_taken_out_of_the_file_is_refused_on_an_open_connection_and_others_go_on() {
    let (files, leaving, staying) = (Files::new(), new_key(), new_key());
    let stays = caller("stays", &["check"], &keys_line(&[&staying]));
    let leaves = caller("leaves", &["check"], &keys_line(&[&leaving]));
    let path = files.write("callers.toml", format!("{stays}{leaves}"));
    let service = Service::start_on(fresh_database().await, &["--callers", &path]).await;
    check(&service, Some(&leaving.reveal())).await.unwrap();

    let key = new_key();
    files.write("callers.toml", format!("{stays}{}", caller("new", &["check"], &keys_line(&[&key]))));
    let (new, left) = (key.reveal(), leaving.reveal());
    until("the new file", || check(&service, Some(&new)), Result::is_ok).await;
    assert_unknown(check(&service, Some(&left)).await, "who was taken out");
    check(&service, Some(&staying.reveal())).await.unwrap();
    service.stop().await;
}

#[tokio::test]
async fn a_stream_ends_when_its_caller_is_taken_out() {
    use rolegate::grpc::v1::{CheckItem, StreamCheckRequest, check_item::Object};
    let house = House::open(&[("map", &["check"], "")]).await;
    let (questions, stream) = tokio::sync::mpsc::channel(4);
    let ask = |id: u64| {
        let object = Some(Object::Project("nobody/nothing".to_owned()));
        let check = Some(CheckItem { user: "nobody".to_owned(), action: "view_project".to_owned(), object });
        StreamCheckRequest { id, check, consistency: None }
    };
    let stream = futures::stream::unfold(stream, |mut stream| async { Some((stream.recv().await?, stream)) });
    questions.send(ask(1)).await.unwrap();
    let request = house.by("map", stream);
    let mut answers = house.service.authorization().stream_check(request).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().id, 1);
    house.files.write("callers.toml", caller("other", &["check"], &keys_line(&[&new_key()])));
    until("the new file", || check(&house.service, Some(&house.keys["map"])), Result::is_err).await;
    questions.send(ask(2)).await.unwrap();
    assert_unknown(answers.message().await, "the next question on the stream");
    house.service.stop().await;
}

#[tokio::test]
async fn health_is_open_and_reflection_by_a_setting() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_request::MessageRequest};
    let list = async |service: &Service| {
        let message = Some(MessageRequest::ListServices(String::new()));
        let request = ServerReflectionRequest { host: String::new(), message_request: message };
        let stream = futures::stream::iter([request]);
        ServerReflectionClient::new(service.channel.clone()).server_reflection_info(stream).await.map(drop)
    };
    let (files, key) = (Files::new(), new_key());
    let path = files.write("callers.toml", caller("map", &["check"], &keys_line(&[&key])));
    for (flags, offered) in [
        (&["--callers", &path][..], false),
        (&["--callers", &path, "--reflection", "on"], true),
        (&[], true),
        (&["--reflection", "off"], false),
    ] {
        let service = Service::start_on(fresh_database().await, flags).await;
        assert_eq!(list(&service).await.is_ok(), offered, "{flags:?}");
        service.stop().await;
    }
}
