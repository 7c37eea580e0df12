import { type FormEvent, useEffect, useState } from "react";
import { client, gateway, problemOf, type Session } from "../client/api";
import { Button, Field, Input, Note } from "../shared/kit";

/** The page that is asked for, from `/ui/` on, to be shown after signing in elsewhere. */
function wanted(): string {
  const here = window.location.href.split("#")[0] ?? "";
  return here.startsWith(`${gateway}/ui/`) ? here.slice(gateway.length) : "/ui/";
}

/** The button of single sign-on; nothing while that is off or not known to be on. */
function SingleSignOn() {
  const [sso, setSso] = useState<{ label: string; href: string } | null>(null);
  useEffect(() => {
    let current = true;
    client
      .GET("/api/session/options")
      .then(({ data }) => current && setSso(data?.sso ?? null))
      .catch(() => undefined);
    return () => {
      current = false;
    };
  }, []);
  if (!sso) return null;
  return (
    <>
      <p className="or dim">or</p>
      <a className="button" href={`${gateway}/${sso.href}?next=${encodeURIComponent(wanted())}`}>
        {sso.label}
      </a>
    </>
  );
}

export function SignIn({ why, onSignedIn }: { why: string; onSignedIn: (session: Session) => void }) {
  const [key, setKey] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!key.trim()) {
      setWrong("Paste a key first.");
      return;
    }
    setBusy(true);
    setWrong("");
    try {
      const { data, error } = await client.POST("/api/session", { body: { key: key.trim() } });
      if (data) onSignedIn(data);
      else setWrong(problemOf(error).message);
    } catch (error) {
      setWrong(problemOf(error).message);
    } finally {
      setBusy(false);
    }
  }

  return (
    <main className="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <h1 className="brand">
          <img src="favicon.svg" alt="" />
          Faregate
        </h1>
        {why && <Note tone="warn">{why}</Note>}
        <Field
          label="Key"
          wrong={wrong || undefined}
          hint="The master key, which the gateway prints when it makes one, or any key it gave out. It becomes a session cookie and is not kept."
        >
          {(id) => (
            <Input
              id={id}
              type="password"
              name="key"
              autoComplete="current-password"
              autoFocus
              placeholder="sk-fg-…"
              value={key}
              aria-invalid={Boolean(wrong)}
              onChange={(event) => setKey(event.target.value)}
            />
          )}
        </Field>
        <Button kind="primary" type="submit" busy={busy}>
          Sign in
        </Button>
        <SingleSignOn />
      </form>
    </main>
  );
}
