//! `serve --policy`, `policy show` and `policy check`: what they take, refuse and print.

use super::{BUILT_IN, File, line_of, told, with};

/// Texts that are no policies, with what stands in the line that is wrong and what is said about it.
fn refused() -> Vec<(String, Option<&'static str>, &'static str)> {
    let duplicate = with("[organization]", "delete_files = \"reader\"\n[organization]");
    vec![
        (with("delete_files = \"editor\"", "delete_files = \"editro\""), Some("editro"), "`editro` is no level"),
        (
            with("read_billing = \"owner\"", "read_billing = \"self\""),
            Some("read_billing = \"self\"\nm"),
            "`self` is no level",
        ),
        (with("delete_files = \"editor\"\n", ""), Some("[project]"), "lacks the built-in action `delete_files`"),
        (with("get_status = \"anyone\"\n", ""), Some("[account]"), "lacks the built-in action `get_status`"),
        (duplicate, Some("delete_files = \"reader\""), "duplicate key"),
        (with("resolution = \"highest\"", "resolution = \"lowest\""), Some("\"lowest\""), "`lowest` is no"),
        (with("[project]", "[project]\nExport = \"editor\""), Some("Export = "), "`Export` can't be an action"),
        (with("[project]", "[project]\n\n[[project"), None, "line"),
        (String::new(), None, "missing field"),
    ]
}

#[tokio::test]
async fn a_file_that_is_no_policy_is_refused_at_the_start_and_nothing_is_begun() {
    let unused = tempfile::tempdir().unwrap();
    let data_dir = unused.path().join("data");
    for (text, place, problem) in refused() {
        let file = File::of(&text);
        for command in ["serve", "demo"] {
            let flags =
                [command, "--policy", file.path(), "--data-dir", data_dir.to_str().unwrap(), "--listen", "127.0.0.1:0"];
            let (status, output, errors) = told(&flags).await;
            assert_eq!((status, output.as_str()), (2, ""), "{command}: {errors}");
            let line = place.map(|place| line_in(&text, place));
            let line = line.map(|line| format!("{}: line {line}: ", file.path())).unwrap_or_default();
            assert!(errors.contains(&line) && errors.contains(problem), "{command} {line}{problem}: {errors}");
            assert!(errors.contains(file.path()) && !errors.contains("listening"), "{errors}");
            assert!(!data_dir.exists(), "no database was begun");
        }
    }
}

/// The line, from 1, in which a text begins.
fn line_in(text: &str, place: &str) -> usize {
    let before = text.find(place).expect(place);
    text[..before].matches('\n').count() + 1
}

#[tokio::test]
async fn a_file_that_is_not_there_is_refused_by_its_name() {
    for (name, problem) in [("/nonexistent/policy.toml", "No such file"), ("/", "directory")] {
        for flags in [
            &["serve", "--policy", name, "--listen", "127.0.0.1:0"][..],
            &["policy", "show", "--policy", name],
            &["policy", "check", name],
        ] {
            let (status, output, errors) = told(flags).await;
            assert_eq!((status, output.as_str()), (2, ""), "{flags:?}: {errors}");
            assert!(errors.contains(name) && errors.contains(problem), "{flags:?}: {errors}");
        }
    }
}

#[tokio::test]
async fn policy_check_tells_the_line_of_a_mistake_and_the_differences_of_a_policy() {
    for (text, place, problem) in refused() {
        let file = File::of(&text);
        let (status, output, errors) = told(&["policy", "check", file.path()]).await;
        assert_eq!((status, errors.as_str()), (1, ""), "{output}");
        let line = place.map(|place| format!("line {}: ", line_in(&text, place))).unwrap_or_default();
        assert!(output.contains(&line) && output.contains(problem), "{line}{problem}: {output}");
    }
    let same = File::of(BUILT_IN);
    let (status, output, _) = told(&["policy", "check", same.path()]).await;
    assert_eq!(status, 0);
    assert!(output.contains("It says what the one that is compiled in says."), "{output}");
    let text = with("[organization]", "export_map = \"editor\"\n\n[organization]");
    let file = File::of(&text.replace("delete_project = \"manager\"", "delete_project = \"admin\""));
    let (status, output, _) = told(&["policy", "check", file.path()]).await;
    let lines: Vec<&str> = output.lines().skip(1).map(str::trim).collect();
    assert_eq!(status, 0);
    assert_eq!(
        lines,
        [
            "[project] delete_project: admin (compiled in: manager)",
            "[project] export_map: editor (an action of its own)"
        ]
    );
}

#[tokio::test]
async fn policy_show_prints_every_action_with_who_may() {
    let (status, built_in, errors) = told(&["policy", "show"]).await;
    assert_eq!((status, errors.as_str()), (0, ""));
    // every line of the file is a row; the two actions that two sections share are two
    let actions = BUILT_IN.lines().filter(|line| line.contains(" = ") && !line.starts_with('#'));
    for action in actions.map(|line| line.split(' ').next().unwrap()) {
        assert!(built_in.contains(action), "{action} in {built_in}");
    }
    let row = built_in.lines().find(|line| line.contains("delete_files")).unwrap();
    assert_eq!(row.matches('✓').count(), 4, "editor, manager, admin, owner: {row}");
    let restricted = built_in.lines().find(|line| line.contains("modify_projectfiles")).unwrap();
    assert!(restricted.matches("(✓)").count() == 2 && restricted.contains("restricted"), "{restricted}");

    let file = File::of(&with("[organization]", "export_map = \"admin\"\n[organization]"));
    let (status, own, _) = told(&["policy", "show", "--policy", file.path()]).await;
    let row = own.lines().find(|line| line.contains("export_map")).unwrap();
    assert_eq!((status, row.matches('✓').count()), (0, 2), "admin, owner: {row}");
    let (status, markdown, _) = told(&["policy", "show", "--policy", file.path(), "--markdown"]).await;
    let row = markdown.lines().find(|line| line.starts_with("| export_map |")).unwrap();
    assert_eq!((status, row.matches('✓').count()), (0, 2), "{row}");

    let broken = File::of(&with("delete_files = \"editor\"", "delete_files = \"editro\""));
    let (status, output, errors) = told(&["policy", "show", "--policy", broken.path()]).await;
    let line = line_of(&with("delete_files = \"editor\"", "delete_files = \"editro\""), "editro");
    assert_eq!((status, output.as_str()), (2, ""));
    assert!(errors.contains(&format!("line {line}: `editro`")), "{errors}");
}
