//! `local-stack run --watch`: tells what the functions follow, and when they have it.

use std::error::Error;

use local_stack::{LocalStack, LocalStackError};

use super::print;

/// Has the functions of a stack follow their sources, for as long as it is polled. What fails is shown, and leaves the code
/// that runs.
pub(crate) async fn watch(stack: &LocalStack) -> Result<(), LocalStackError> {
    let mut watch = stack.watch().await?;
    loop {
        let changed = watch.change().await;
        let functions: Vec<&str> = changed.functions.iter().map(String::as_str).collect();
        let functions = functions.join(", ");
        print(&format!("\nchanged: {functions}\n"));
        let said = match watch.renew(&changed).await {
            Ok(took) => format!("live after {:.1} s: {functions}\n", took.as_secs_f32()),
            Err(error) => not_live(&error),
        };
        print(&said);
    }
}

/// Says why a change is not live, with the causes.
fn not_live(error: &LocalStackError) -> String {
    let mut said = match error {
        // Cargo has said the rest itself.
        LocalStackError::Build { .. } => {
            "NOT LIVE: it does not build; the code before goes on running".to_owned()
        }
        error => format!("NOT LIVE: {error}"),
    };
    let mut source = error.source();
    while let Some(cause) = source {
        said.push_str(&format!("\n  because: {cause}"));
        source = cause.source();
    }
    said + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_build_is_said_to_leave_the_code_that_runs() {
        let said = not_live(&LocalStackError::Build {
            last_lines: String::new(),
        });
        assert!(said.contains("goes on running"), "{said}");
    }

    #[test]
    fn a_function_that_does_not_start_is_named_with_what_it_said() {
        let said = not_live(&LocalStackError::NotStarted {
            function: "orders".to_owned(),
            said: "ORDER_DESK is not set".to_owned(),
        });
        assert_eq!(said, "NOT LIVE: orders does not start: ORDER_DESK is not set\n");
    }
}
