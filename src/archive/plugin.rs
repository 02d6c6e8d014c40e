//! age plugins: hardware keys and others for which a program `age-plugin-NAME` on the PATH speaks.
//!
//! A plugin may ask its user for something (a PIN, a touch). What it asks goes through [`Talk`], so that nothing here
//! knows of terminals.

use std::sync::Arc;

use age::secrecy::SecretString;

/// Whoever answers a plugin.
pub trait Talk: Send + Sync {
    /// Shows a message, such as "touch the key".
    fn tell(&self, message: &str);
    /// Asks for a yes or no; `None` if nobody can be asked.
    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool>;
    /// Asks for something that is no secret.
    fn ask(&self, what: &str) -> Option<String>;
    /// Asks for a secret, such as a PIN.
    fn ask_secret(&self, what: &str) -> Option<SecretString>;
}

/// A shared [`Talk`], as age wants it.
#[derive(Clone)]
pub struct Talker(Arc<dyn Talk>);

impl Talker {
    /// Answers through `talk`.
    pub fn new(talk: impl Talk + 'static) -> Self {
        Self(Arc::new(talk))
    }
}

impl age::Callbacks for Talker {
    fn display_message(&self, message: &str) {
        self.0.tell(message);
    }

    fn confirm(&self, message: &str, yes_string: &str, no_string: Option<&str>) -> Option<bool> {
        self.0.confirm(message, yes_string, no_string)
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.0.ask(description)
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        self.0.ask_secret(description)
    }
}
