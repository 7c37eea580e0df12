import type { ReactNode } from "react";
import { Button, ErrorBox, Modal } from "./kit";

/** A dialog that asks for something. What is wrong is shown in it, and what was typed stays. */
export function FormModal({
  title,
  does,
  busy,
  error,
  aside,
  onSubmit,
  onClose,
  children,
}: {
  title: ReactNode;
  /** What its button says. */
  does: string;
  busy: boolean;
  error: unknown;
  /** What stands at the other end of its foot: a way to delete, say. */
  aside?: ReactNode;
  /** May throw: `error` has it then. */
  onSubmit: () => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}) {
  return (
    <Modal title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit().catch(() => undefined);
        }}
      >
        <div className="body column">
          {Boolean(error) && <ErrorBox error={error} />}
          {children}
        </div>
        <footer>
          {aside && (
            <>
              {aside}
              <span className="grow" />
            </>
          )}
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={busy}>
            {does}
          </Button>
        </footer>
      </form>
    </Modal>
  );
}

/** Asks before something is deleted, and says what that means. */
export function DeleteModal({
  name,
  busy,
  error,
  onDelete,
  onClose,
  children,
}: {
  name: string;
  busy: boolean;
  error: unknown;
  onDelete: () => void;
  onClose: () => void;
  children: ReactNode;
}) {
  return (
    <Modal title={`Delete ${name}?`} onClose={onClose}>
      <div className="body column">
        {Boolean(error) && <ErrorBox error={error} />}
        <p className="soft">{children}</p>
      </div>
      <footer>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" danger busy={busy} onClick={onDelete}>
          Delete
        </Button>
      </footer>
    </Modal>
  );
}
