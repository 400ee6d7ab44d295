//! The grammar where it is easy to get wrong; `shared/config/tests/claims.tsv` holds whole claims.

use proptest::prelude::*;

use super::is_destructive;

#[test]
fn a_command_is_found_however_it_is_written() {
    for text in [
        "rm -rf /data",
        "RM  -RF /data",
        "rm -r -f x",
        "rm --rec --forc x",
        "rm x y -fr",
        "r\\m -rf x",
        "'rm' \"-rf\" x",
        "r''m -rf x",
        "rm${IFS}-rf${IFS}/",
        "{rm,-rf,/}",
        "r${nothing}m -rf /",
        "rm \\\n  -rf \\\n /",
        "rm\u{a0}-rf\u{200b} /",
        "rm –rf /",
        "ｒｍ -rf /",
        "cd /\\nrm -rf x",
        "echo $(rm -rf /)",
        "true&&rm -rf /",
        "find . -exec rm {} +",
        "DROP/**/TABLE users",
        "DROP -- now\n TABLE users",
        "/*!50000 DROP TABLE users */",
        "drop table \"users\"",
    ] {
        assert!(is_destructive(text), "{text:?}");
    }
}

#[test]
fn words_that_only_look_like_a_command_are_none() {
    for text in [
        "",
        "confirm -rf",
        "charm",
        "farm -f",
        "the rm command",
        "docker ps",
        "docker run --rm alpine",
        "docker. Stop!",
        "a shutdown/reboot cycle",
        "git push origin main",
        "git push --force-with-lease",
        "terraform plan -destroy",
        "used AWS as a stop-gap",
        "> /dev/null",
        "dd if=/dev/zero of=/tmp/x",
        "drop a table",
        "delete from the list",
    ] {
        assert!(!is_destructive(text), "{text:?}");
    }
}

#[test]
fn long_texts_of_the_worst_sort_take_no_time_to_speak_of() {
    const SIZE: usize = 262_144;
    let began = std::time::Instant::now();
    for piece in [
        "rm ",
        "rm -a ",
        "docker ",
        "docker -a ",
        "docker -a docker ",
        "drop table ",
        "truncate only ",
        "${",
        "$IFS",
        "{a,",
        "/*",
        "git push ",
        "git ",
        "aws -",
        "--",
        "\\n",
        "kubectl kubectl ",
        "a",
        " ",
        "table ",
        "'",
        "\u{200b}",
        "> ",
    ] {
        is_destructive(&piece.repeat(SIZE / piece.len()));
    }
    // A quadratic rule takes minutes.
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        is_destructive(&text);
    }

    #[test]
    fn what_stands_around_a_command_hides_nothing(
        before in "[a-z ]{0,20}[;|&\n]", after in "([ \n;].{0,20})?", gap in "[ \t\n\u{a0}\u{2009}]{1,3}"
    ) {
        for words in [["rm", "-rf", "/data"], ["docker", "stop", "web"], ["terraform", "destroy", "now"]] {
            let text = format!("{before}{}{after}", words.join(&gap));
            prop_assert!(is_destructive(&text), "{:?}", text);
        }
    }
}
