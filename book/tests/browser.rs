//! A browser to test pages in: Chromium without a window, driven by `chromedriver`.
//!
//! The protocol is W3C WebDriver, of which a test of pages needs a dozen requests; `ureq` sends them. A full
//! client (fantoccini) brings 98 crates for the same.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;

/// How long a page may take to do what is expected of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// One window. It closes, and the browser with it, when the value goes.
pub(crate) struct Browser {
    driver: Child,
    agent: Agent,
    /// The address of the session, without a slash at its end.
    session: String,
}

impl Browser {
    /// A window of this width and of 800 pixels' height; none, and a line that says so, where there is no
    /// `chromedriver` or no Chromium. In CI both have to be there.
    pub(crate) fn open(width: u32) -> Option<Self> {
        let started = Self::start(width);
        if let Err(why) = &started {
            assert!(std::env::var_os("CI").is_none(), "CI has no browser: {why}");
            eprintln!("skipped, for want of a browser: {why}");
        }
        started.ok()
    }

    fn start(width: u32) -> Result<Self, String> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("chromedriver does not start: {error}"))?;
        let lines =
            BufReader::new(driver.stdout.take().ok_or("chromedriver says nothing")?).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok().filter(|&port| port > 0)
        });
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(2 * PATIENCE))
            .build()
            .into();
        let session = format!("http://127.0.0.1:{}", port.unwrap_or(0));
        // From here on the driver ends with the value.
        let mut browser = Self { driver, agent, session };
        port.ok_or("chromedriver names no port")?;
        let options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                "--hide-scrollbars", "--force-device-scale-factor=1",
                "--disable-background-networking", format!("--window-size={width},800"),
            ],
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": PATIENCE.as_millis(), "pageLoad": PATIENCE.as_millis() },
        } } });
        let opened = browser.post("/session", &wanted)?;
        let id = opened["sessionId"].as_str().ok_or("chromedriver opens no session")?;
        browser.session = format!("{}/session/{id}", browser.session);
        // A window without a frame cannot be made as narrow as a telephone; its page can.
        let size =
            json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500 });
        browser.devtools("Emulation.setDeviceMetricsOverride", &size)?;
        Ok(browser)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let address = format!("{}{path}", self.session);
        let answer = self.agent.post(&address).send_json(body);
        let mut answer =
            answer.map_err(|error| format!("chromedriver does not answer: {error}"))?;
        let mut answer: Value = answer
            .body_mut()
            .read_json()
            .map_err(|error| format!("an answer is no JSON: {error}"))?;
        match answer["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
            None => Ok(answer["value"].take()),
        }
    }

    #[track_caller]
    fn ask(&self, path: &str, body: &Value) -> Value {
        match self.post(path, body) {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Result<Value, String> {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Opens a page and waits until it has loaded.
    #[track_caller]
    pub(crate) fn goto(&self, address: &str) {
        self.ask("/url", &json!({ "url": address }));
    }

    /// Runs the body of a function in the page and returns what it returns.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// As [`Browser::run`], for a body that may `await`.
    #[track_caller]
    pub(crate) fn run_async(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             (async () => {{ {script} }})().then(done, e => done(String(e)));"
        );
        self.ask("/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Waits until the script returns something true, and returns it.
    #[track_caller]
    pub(crate) fn until(&self, script: &str) -> Value {
        let start = Instant::now();
        loop {
            let value = self.run(script);
            let is_true = !matches!(&value, Value::Null | Value::Bool(false)) && value != json!("");
            if is_true {
                return value;
            }
            assert!(start.elapsed() < PATIENCE, "it never came to be that {script}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Scrolls to each live figure of the page and waits until it is live.
    #[track_caller]
    pub(crate) fn wake(&self) {
        let count = self.run("return document.querySelectorAll('[data-widget]').length");
        for i in 0..count.as_u64().unwrap_or_default() {
            let figure = format!("document.querySelectorAll('[data-widget]')[{i}]");
            self.run(&format!("{figure}.scrollIntoView()"));
            self.until(&format!("return {figure}.dataset.state === 'live'"));
        }
    }

    /// The text of the first element that the selector finds, as a reader sees it.
    #[track_caller]
    pub(crate) fn text(&self, css: &str) -> String {
        let text = self.run(&format!("return document.querySelector({}).innerText", json!(css)));
        text.as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn element(&self, css: &str) -> String {
        let found = self.ask("/element", &json!({ "using": "css selector", "value": css }));
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        id.expect("an element has an id").to_owned()
    }

    /// Clicks the first element that the selector finds.
    #[track_caller]
    pub(crate) fn click(&self, css: &str) {
        self.ask(&format!("/element/{}/click", self.element(css)), &json!({}));
    }

    /// Types into the first element that the selector finds.
    #[track_caller]
    pub(crate) fn keys(&self, css: &str, text: &str) {
        self.ask(&format!("/element/{}/value", self.element(css)), &json!({ "text": text }));
    }

    /// Touches the window at a place, in pixels from its upper left corner, and lets go.
    #[track_caller]
    pub(crate) fn touch(&self, [x, y]: [f64; 2]) {
        for (kind, points) in [("touchStart", json!([{ "x": x, "y": y }])), ("touchEnd", json!([]))]
        {
            let event = json!({ "type": kind, "touchPoints": points });
            let touched = self.devtools("Input.dispatchTouchEvent", &event);
            touched.unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// What the page has said on its console since it was last asked, warnings and errors only.
    #[track_caller]
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.ask("/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        let loud = entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        loud.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // First the window, or Chromium outlives its driver.
        let closed = self.agent.delete(&self.session).call();
        let killed = self.driver.kill().and_then(|()| self.driver.wait());
        if !std::thread::panicking() {
            assert!(closed.is_ok() && killed.is_ok(), "the browser does not end");
        }
    }
}
