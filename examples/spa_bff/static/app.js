// No token is ever here: the session cookie is HttpOnly, and the tokens behind it stay on the server.

const find = (id) => document.getElementById(id);

async function call(method, path, body) {
  const headers = { "X-WW-CSRF": "1" }; // no other site's page can send this
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  if (answer.status === 401 && path.startsWith("/api/")) await show(); // the session has ended
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

async function show() {
  const { name } = await call("GET", "/bff/me");
  find("sign-in").hidden = name !== null;
  find("orders").hidden = name === null;
  find("who").textContent = name ?? "";
  find("list").replaceChildren();
  if (name === null) return;
  for (const what of await call("GET", "/api/orders")) {
    const item = document.createElement("li");
    item.textContent = what;
    find("list").append(item);
  }
}

function when(id, event, work) {
  find(id).addEventListener(event, async (happened) => {
    happened.preventDefault();
    find("said").textContent = "";
    try {
      await work(happened.target);
      await show();
    } catch (error) {
      find("said").textContent = error.message;
    }
  });
}

when("sign-in", "submit", async (form) => {
  await call("POST", "/bff/sign-in", Object.fromEntries(new FormData(form)));
  form.reset();
});
when("add", "submit", async (form) => {
  await call("POST", "/api/orders", Object.fromEntries(new FormData(form)));
  form.reset();
});
when("sign-out", "click", () => call("POST", "/bff/sign-out"));

await show();
