import { Link } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import { useState } from "react";
import { api, gateway, type Key, type KeyIssued } from "../../client/api";
import { Time } from "../../shared/figures";
import { Button, CopyButton, Field, Modal, Note, Select } from "../../shared/kit";
import { HolderDrawer } from "../holders/HolderDrawer";
import { useChanged } from "../holders/holders";
import { KeyForm } from "./KeyForm";

export function KeyDrawer({
  id,
  onClose,
  onIssued,
}: {
  id: string;
  onClose: () => void;
  onIssued: (issued: KeyIssued) => void;
}) {
  return (
    <HolderDrawer
      noun="key"
      id={id}
      onClose={onClose}
      form={(item, close) => <KeyForm before={item} onClose={close} onIssued={onIssued} />}
      actions={(item) => <Rotate item={item} onIssued={onIssued} />}
      parting="Whoever uses it is refused from now on. Its calls stay in the ledger. To refuse it for a while only, block it instead."
      facts={(item) => <Facts item={item} />}
    />
  );
}

function Facts({ item }: { item: Key }) {
  return (
    <>
      <dt>Team</dt>
      <dd>
        {item.team ? (
          <Link to="/teams" search={{ team: item.team }} className="link">
            {item.team}
          </Link>
        ) : (
          "none"
        )}
      </dd>
      <dt>Owner</dt>
      <dd>
        {item.user ? (
          <Link to="/users" search={{ user: item.user }} className="link">
            {item.user}
          </Link>
        ) : (
          "nobody"
        )}
      </dd>
      <dt>Here it may</dt>
      <dd>{{ none: "see its own calls", viewer: "see everything", admin: "change everything" }[item.role]}</dd>
      <dt>Expires</dt>
      <dd>{item.expires_at ? <Time at={item.expires_at} whole /> : "never"}</dd>
      {item.previous_until && (
        <>
          <dt>Secret before</dt>
          <dd>
            good until <Time at={item.previous_until} whole />
          </dd>
        </>
      )}
      {item.tags.length > 0 && (
        <>
          <dt>Tags</dt>
          <dd>{item.tags.join(", ")}</dd>
        </>
      )}
    </>
  );
}

function Rotate({ item, onIssued }: { item: Key; onIssued: (issued: KeyIssued) => void }) {
  const [asking, setAsking] = useState(false);
  const changed = useChanged("key");
  return (
    <>
      <Button small onClick={() => setAsking(true)}>
        <RotateCw size={13} aria-hidden /> Rotate
      </Button>
      {asking && (
        <RotateModal
          item={item}
          onClose={() => setAsking(false)}
          onIssued={(made) => {
            setAsking(false);
            void changed();
            onIssued(made);
          }}
        />
      )}
    </>
  );
}

function RotateModal({
  item,
  onClose,
  onIssued,
}: {
  item: Key;
  onClose: () => void;
  onIssued: (issued: KeyIssued) => void;
}) {
  const [overlap, setOverlap] = useState("24h");
  const rotate = api.useMutation("post", "/api/keys/{key_id}/rotate", { onSuccess: onIssued });
  return (
    <Modal title={`Rotate ${item.name || item.id}`} onClose={onClose}>
      <div className="body column">
        <p className="soft">The key gets a new secret. Name, budgets and what was spent stay.</p>
        <Field label="The secret before stays good for">
          {(id) => (
            <Select
              id={id}
              value={overlap}
              options={[
                { value: "0", label: "not a moment" },
                { value: "1h", label: "an hour" },
                { value: "24h", label: "a day" },
                { value: "7d", label: "a week" },
              ]}
              onChange={(event) => setOverlap(event.target.value)}
            />
          )}
        </Field>
      </div>
      <footer>
        <Button onClick={onClose}>Cancel</Button>
        <Button
          kind="primary"
          busy={rotate.isPending}
          onClick={() => rotate.mutate({ params: { path: { key_id: item.id } }, body: { overlap: overlap === "0" ? 0 : overlap } })}
        >
          Rotate
        </Button>
      </footer>
    </Modal>
  );
}

/** The only time a secret is shown. */
export function SecretModal({ issued, onClose }: { issued: KeyIssued; onClose: () => void }) {
  const shell = `export OPENAI_BASE_URL=${gateway}/v1 OPENAI_API_KEY=${issued.secret}`;
  return (
    <Modal title={issued.key.name || issued.key.id} keep onClose={onClose}>
      <div className="body column">
        <Note tone="warn">Copy the secret now: it is kept only as a hash and never shown again.</Note>
        <div className="secret">
          <span className="grow" data-testid="secret">
            {issued.secret}
          </span>
          <CopyButton text={issued.secret} label="Copy the secret" />
        </div>
        <div className="field">
          <span className="label">For any OpenAI client</span>
          <div className="secret">
            <span className="grow">{shell}</span>
            <CopyButton text={shell} />
          </div>
        </div>
      </div>
      <footer>
        <Button kind="primary" onClick={onClose}>
          I have copied it
        </Button>
      </footer>
    </Modal>
  );
}
