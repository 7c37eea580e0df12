import { type FormEvent, useState } from "react";
import { client, problemOf, type Session } from "../client/api";
import { Button, Field, Input, Note } from "../shared/kit";

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
        <div className="brand">
          <img src="favicon.svg" alt="" />
          Faregate
        </div>
        {why && <Note tone="warn">{why}</Note>}
        <Field
          label="Key"
          wrong={wrong || undefined}
          hint="The master key, or a key of your own. It becomes a session cookie and is not kept."
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
      </form>
    </main>
  );
}
