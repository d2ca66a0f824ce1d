//! Executes scripts as Redis does: what they see, and what becomes of what
//! they return.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use mlua::{Error, Function, Lua, LuaOptions, LuaString, StdLib, Table, Variadic};
use serde_json::{Value, json};

use super::keyspace::{Keyspace, Reply};
use super::wire::Call;

/// What a running script works on.
#[derive(Debug, Default)]
struct Work {
    keyspace: Keyspace,
    now: Duration,
    declared: Vec<String>,
}

/// Lua with the scripts that it has compiled.
#[derive(Debug)]
pub(super) struct Interpreter {
    lua: Lua,
    /// The globals that scripts see.
    globals: Table,
    /// The same, sealed.
    sealed: Table,
    scripts: HashMap<String, Function>,
    work: Rc<RefCell<Work>>,
}

impl Interpreter {
    pub(super) fn new() -> Self {
        Self::try_new().expect("a Lua interpreter")
    }

    fn try_new() -> mlua::Result<Self> {
        let lua = Lua::new_with(StdLib::STRING, LuaOptions::default())?;
        let work = Rc::new(RefCell::new(Work::default()));
        let shared = Rc::clone(&work);
        let call = lua.create_function(move |lua, words| call(lua, &shared, &words))?;
        let redis = lua.create_table_from([("call", call)])?;
        let globals = lua.create_table()?;
        for name in ["error", "ipairs", "tonumber", "tostring", "type"] {
            globals.raw_set(name, lua.globals().raw_get::<Function>(name)?)?;
        }
        globals.raw_set("string", seal(&lua, &lua.globals().raw_get("string")?)?)?;
        globals.raw_set("redis", seal(&lua, &redis)?)?;
        let missing = lua.create_function(|lua, (_, name): (Table, LuaString)| {
            let name = name.to_string_lossy();
            let error = format!("Script attempted to access nonexistent global variable '{name}'");
            Err::<(), _>(raise_here(lua, &error))
        })?;
        globals.set_metatable(Some(lua.create_table_from([("__index", missing)])?))?;
        Ok(Self {
            sealed: seal(&lua, &globals)?,
            globals,
            scripts: HashMap::new(),
            work,
            lua,
        })
    }

    /// Compiled once, however often Redis forgets.
    pub(super) fn compile(&mut self, digest: &str, source: &str) -> Result<(), String> {
        if !self.scripts.contains_key(digest) {
            let chunk = self.lua.load(source).set_name("@user_script");
            let script = chunk.set_environment(self.sealed.clone()).into_function();
            let script = script.map_err(|error| {
                let error = first_line(&error);
                format!("ERR Error compiling script (new function): {error}")
            })?;
            self.scripts.insert(digest.to_owned(), script);
        }
        Ok(())
    }

    /// Runs a script that has been compiled.
    pub(super) fn run(
        &mut self,
        keyspace: &mut Keyspace,
        now: Duration,
        call: &Call,
    ) -> Result<Value, String> {
        let script = &self.scripts[&call.digest];
        self.hand_over(keyspace, now, &call.keys);
        let result = self.arguments(call).and_then(|()| script.call(()));
        self.hand_over(keyspace, now, &[]);
        let result = result.and_then(|value| reply(&value));
        result.map_err(|error| failure(&error, &call.digest))
    }

    /// Swaps the keys into reach of the script, and out again.
    fn hand_over(&self, keyspace: &mut Keyspace, now: Duration, declared: &[String]) {
        let mut work = self.work.borrow_mut();
        std::mem::swap(&mut work.keyspace, keyspace);
        work.now = now;
        work.declared.clear();
        work.declared.extend_from_slice(declared);
    }

    fn arguments(&self, call: &Call) -> mlua::Result<()> {
        for (name, words) in [("KEYS", &call.keys), ("ARGV", &call.args)] {
            let words = words.iter().map(String::as_str);
            let table = self.lua.create_sequence_from(words)?;
            self.globals.raw_set(name, table)?;
        }
        Ok(())
    }
}

/// A view of a table that cannot be written to.
fn seal(lua: &Lua, table: &Table) -> mlua::Result<Table> {
    let read_only = lua.create_function(|lua, _: Variadic<mlua::Value>| {
        Err::<(), _>(raise_here(lua, "Attempt to modify a readonly table"))
    })?;
    let meta = lua.create_table()?;
    meta.raw_set("__index", table)?;
    meta.raw_set("__newindex", read_only)?;
    let view = lua.create_table()?;
    view.set_metatable(Some(meta))?;
    Ok(view)
}

/// The line of the script that is being executed.
fn line(lua: &Lua) -> usize {
    let line = lua.inspect_stack(1, |caller| caller.current_line());
    line.flatten().unwrap_or_default()
}

/// An error from outside the script; [`failure`] reads it.
fn raise(line: usize, error: &str) -> Error {
    Error::RuntimeError(format!("{line} {error}"))
}

/// The same in Lua's own form.
fn raise_here(lua: &Lua, error: &str) -> Error {
    let line = line(lua);
    raise(line, &format!("ERR user_script:{line}: {error}"))
}

/// `redis.call`.
fn call(
    lua: &Lua,
    work: &RefCell<Work>,
    words: &Variadic<mlua::Value>,
) -> mlua::Result<mlua::Value> {
    let fail = |error: &str| Err(raise(line(lua), error));
    if words.is_empty() {
        return fail("ERR Please specify at least one argument for this redis lib call");
    }
    let mut texts = Vec::with_capacity(words.len());
    for word in words.iter() {
        texts.push(match word {
            mlua::Value::String(text) => text.to_str()?,
            mlua::Value::Integer(number) => lua.create_string(number.to_string())?.to_str()?,
            _ => {
                return fail("ERR Lua redis lib command arguments must be strings or integers");
            }
        });
    }
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    let work = &mut *work.borrow_mut();
    match work.keyspace.run(work.now, &work.declared, &texts) {
        Ok(Reply::Nil) => Ok(mlua::Value::Boolean(false)),
        Ok(Reply::Int(number)) => Ok(mlua::Value::Number(number as f64)),
        Ok(Reply::Text(text)) => Ok(mlua::Value::String(lua.create_string(text)?)),
        Ok(Reply::Status(text)) => {
            let status = lua.create_table_from([("ok", text)])?;
            Ok(mlua::Value::Table(status))
        }
        Err(error) => fail(&error),
    }
}

/// Redis' conversion of what a script returns, in the gateway's words.
fn reply(value: &mlua::Value) -> mlua::Result<Value> {
    let mlua::Value::Table(table) = value else {
        return scalar(value);
    };
    for (field, is_fine) in [("err", false), ("ok", true)] {
        if let Some(text) = table.raw_get::<Option<String>>(field)? {
            return Ok(json!([is_fine, text]));
        }
    }
    let mut items = Vec::new();
    for item in table.sequence_values::<mlua::Value>() {
        items.push(scalar(&item?)?);
    }
    Ok(Value::Array(items))
}

/// Webdis 0.1.9 shows `null` for a list or a status within a list.
fn scalar(value: &mlua::Value) -> mlua::Result<Value> {
    Ok(match value {
        mlua::Value::String(text) => json!(&*text.to_str()?),
        mlua::Value::Integer(number) => json!(number),
        mlua::Value::Number(number) => json!(*number as i64),
        mlua::Value::Boolean(true) => json!(1),
        _ => Value::Null,
    })
}

/// Redis' words for a script that failed.
fn failure(error: &Error, digest: &str) -> String {
    let text = first_line(error);
    let (line, text) = match error {
        // Its own message: says the line by itself.
        Error::RuntimeError(_) => {
            let mut parts = text.split(':');
            let line = parts.nth(1).unwrap_or_default().to_owned();
            (line, format!("ERR {text}"))
        }
        _ => {
            let (line, text) = text.split_once(' ').unwrap_or(("", &text));
            (line.to_owned(), text.to_owned())
        }
    };
    format!("{text} script: {digest}, on @user_script:{line}.")
}

/// The message without the trace of the stack.
fn first_line(error: &Error) -> String {
    let text = match error {
        Error::CallbackError { cause, .. } => return first_line(cause),
        Error::RuntimeError(text) => text.clone(),
        Error::SyntaxError { message, .. } => message.clone(),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}
