import { AlertTriangle, Check as Tick, Copy, Info, LoaderCircle, Search as Glass, X } from "lucide-react";
import {
  type ButtonHTMLAttributes,
  type ComponentProps,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { problemOf } from "../client/api";
import { notify } from "./toasts";

type Tone = "good" | "warn" | "bad" | "info" | "accent";

function names(...found: (string | false | undefined)[]): string {
  return found.filter(Boolean).join(" ");
}

export function Button({
  kind,
  small,
  danger,
  busy,
  className,
  children,
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & {
  kind?: "primary" | "plain";
  small?: boolean;
  danger?: boolean;
  busy?: boolean;
}) {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy}
      className={names("button", kind, small && "small", danger && "danger", className)}
    >
      {busy && <LoaderCircle size={14} className="spin" aria-hidden />}
      {children}
    </button>
  );
}

export function IconButton({
  label,
  kind = "plain",
  ...rest
}: ComponentProps<typeof Button> & { label: string }) {
  return <Button {...rest} kind={kind} aria-label={label} title={label} className={names("icon", rest.className)} />;
}

export function Field({
  label,
  hint,
  wrong,
  children,
}: {
  label: string;
  hint?: ReactNode;
  wrong?: string | undefined;
  children: (id: string) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {label}
      </label>
      {children(id)}
      {wrong ? (
        <span className="wrong" role="alert">
          {wrong}
        </span>
      ) : (
        hint && <span className="hint">{hint}</span>
      )}
    </div>
  );
}

export function Input({ small, className, ...rest }: ComponentProps<"input"> & { small?: boolean }) {
  return <input autoComplete="off" spellCheck={false} {...rest} className={names("input", small && "small", className)} />;
}

/** The field a page is searched with; `/` leads to it. */
export function Find({ label, ...rest }: Omit<ComponentProps<typeof Input>, "type" | "small"> & { label: string }) {
  return (
    <div className="find">
      <Glass size={13} aria-hidden />
      <Input {...rest} small type="search" data-shortcut="/" aria-label={label} />
    </div>
  );
}

export function Select({
  options,
  small,
  className,
  ...rest
}: Omit<ComponentProps<"select">, "children"> & {
  options: readonly (string | { value: string; label: string })[];
  small?: boolean;
}) {
  return (
    <select {...rest} className={names("input", small && "small", className)}>
      {options.map((each) => {
        const found = typeof each === "string" ? { value: each, label: each } : each;
        return (
          <option key={found.value} value={found.value}>
            {found.label}
          </option>
        );
      })}
    </select>
  );
}

export function Check({ label, ...rest }: Omit<ComponentProps<"input">, "type"> & { label: ReactNode }) {
  return (
    <label className="check">
      <input type="checkbox" {...rest} />
      <span>{label}</span>
    </label>
  );
}

export function Segments<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}) {
  const move = (step: number) => {
    const at = options.findIndex((each) => each.value === value);
    const next = options[(at + step + options.length) % options.length];
    if (next) onChange(next.value);
  };
  return (
    <div
      className="segments"
      role="radiogroup"
      aria-label={label}
      onKeyDown={(event) => {
        if (event.key === "ArrowRight") move(1);
        else if (event.key === "ArrowLeft") move(-1);
      }}
    >
      {options.map((each) => (
        <button
          key={each.value}
          type="button"
          role="radio"
          aria-checked={each.value === value}
          tabIndex={each.value === value ? 0 : -1}
          onClick={() => onChange(each.value)}
        >
          {each.label}
        </button>
      ))}
    </div>
  );
}

export function Tag({ tone, title, children }: { tone?: Tone | undefined; title?: string; children: ReactNode }) {
  return (
    <span className={names("tag", tone)} title={title}>
      <span className="cut">{children}</span>
    </span>
  );
}

export function Dot({ tone, live }: { tone?: Tone | undefined; live?: boolean }) {
  return <span className={names("dot", tone, live && "live")} aria-hidden />;
}

/** The browser's dialog: it keeps the focus, and Escape closes it. */
function useDialog(onClose: () => void, asking: boolean) {
  const ref = useRef<HTMLDialogElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    const before = document.activeElement;
    dialog.showModal();
    // Else the browser takes the first button, which would be "Close".
    const first = asking && dialog.querySelector<HTMLElement>(".body input, .body select, .body textarea, footer .primary");
    (first || dialog).focus();
    const cancelled = (event: Event) => {
      event.preventDefault();
      close.current();
    };
    dialog.addEventListener("cancel", cancelled);
    return () => {
      dialog.removeEventListener("cancel", cancelled);
      dialog.close();
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, [asking]);
  return ref;
}

export function Modal({
  title,
  wide,
  className,
  keep = false,
  onClose,
  children,
}: {
  title: ReactNode;
  wide?: boolean;
  className?: string;
  /** What it shows is not to be had again: only its own buttons close it. */
  keep?: boolean;
  onClose: () => void;
  children: ReactNode;
}) {
  const ref = useDialog(() => keep || onClose(), true);
  const id = useId();
  const written = useRef(false);
  return (
    <dialog
      ref={ref}
      className={names("modal", wide && "wide", className)}
      tabIndex={-1}
      aria-labelledby={id}
      onInput={() => {
        written.current = true;
      }}
      onMouseDown={(event) => {
        // A click beside it does not throw away what somebody has written.
        if (event.target === event.currentTarget && !keep && !written.current) onClose();
      }}
    >
      <header>
        <h2 id={id} className="grow cut">
          {title}
        </h2>
        <IconButton label="Close" small onClick={onClose}>
          <X size={15} />
        </IconButton>
      </header>
      {children}
    </dialog>
  );
}

export function Drawer({
  title,
  actions,
  onClose,
  children,
}: {
  title: ReactNode;
  actions?: ReactNode;
  onClose: () => void;
  children: ReactNode;
}) {
  const ref = useDialog(onClose, false);
  const id = useId();
  return (
    <dialog
      ref={ref}
      className="drawer"
      tabIndex={-1}
      aria-labelledby={id}
      onMouseDown={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        if (event.target === event.currentTarget && event.clientX < box.left) onClose();
      }}
    >
      <header>
        <h2 id={id} className="grow cut">
          {title}
        </h2>
        {actions}
        <IconButton label="Close" small onClick={onClose}>
          <X size={15} />
        </IconButton>
      </header>
      <div className="body grow">{children}</div>
    </dialog>
  );
}

export function Menu({
  label,
  trigger,
  right,
  up,
  children,
}: {
  label: string;
  trigger: ReactNode;
  right?: boolean;
  up?: boolean;
  children: (close: () => void) => ReactNode;
}) {
  const [open, setOpen] = useState(false);
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const outside = (event: MouseEvent) => {
      if (!ref.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("mousedown", outside);
    ref.current?.querySelector<HTMLElement>(".menu .item, .menu input")?.focus();
    return () => document.removeEventListener("mousedown", outside);
  }, [open]);
  useEffect(() => {
    ref.current?.querySelector("button")?.setAttribute("aria-expanded", String(open));
  });
  const close = () => {
    // What has the focus is about to go: it returns to what opened the menu.
    const within = ref.current?.querySelector(".menu")?.contains(document.activeElement);
    if (within) ref.current?.querySelector<HTMLElement>("button")?.focus();
    setOpen(false);
  };
  return (
    <div
      className="menu-anchor"
      ref={ref}
      onKeyDown={(event) => {
        if (!open) return;
        if (event.key === "Escape") {
          event.stopPropagation();
          close();
        }
        if (event.key === "ArrowDown" || event.key === "ArrowUp") {
          event.preventDefault();
          const items = [...(ref.current?.querySelectorAll<HTMLElement>(".menu .item") ?? [])];
          const at = items.indexOf(document.activeElement as HTMLElement);
          items[(at + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length]?.focus();
        }
      }}
    >
      <span
        onClick={() => setOpen(!open)}
        role="presentation"
      >
        {trigger}
      </span>
      {open && (
        <div className={names("menu", right && "right", up && "up")} role="menu" aria-label={label}>
          {children(close)}
        </div>
      )}
    </div>
  );
}

/** Text to be copied as it is; a keyboard can scroll it. */
export function Code({ kept = false, children }: { kept?: boolean; children: string }) {
  return (
    <pre className={names("code", kept && "kept")} tabIndex={0}>
      {children}
    </pre>
  );
}

export function Empty({ icon, title, children }: { icon?: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      {icon}
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function ErrorBox({ error, retry }: { error: unknown; retry?: () => void }) {
  const { message, code } = problemOf(error);
  return (
    <div className="problem" role="alert">
      <AlertTriangle size={15} aria-hidden />
      <div className="grow">
        {message}
        {code && <span className="mono"> ({code})</span>}
      </div>
      {retry && (
        <Button small onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

export function Note({ tone = "info", children }: { tone?: "info" | "warn"; children: ReactNode }) {
  const Icon = tone === "warn" ? AlertTriangle : Info;
  return (
    <div className={`problem ${tone}`}>
      <Icon size={15} aria-hidden />
      <div className="grow">{children}</div>
    </div>
  );
}

export function Bones({ rows = 6 }: { rows?: number }) {
  return (
    <div className="column" aria-busy="true" aria-label="Loading">
      {Array.from({ length: rows }, (_, at) => (
        <span key={at} className="bone" />
      ))}
    </div>
  );
}

/** Copies what it is asked to; says so. */
export function CopyButton({
  text,
  label = "Copy",
  small = true,
  children = <Copy size={13} />,
}: {
  text: string | (() => string);
  label?: string;
  small?: boolean;
  /** Its icon. */
  children?: ReactNode;
}) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1400);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <IconButton
      label={label}
      small={small}
      onClick={async (event) => {
        event.stopPropagation();
        if (await copy(typeof text === "string" ? text : text())) setDone(true);
        else notify("The browser did not allow copying: select the text instead.", "bad");
      }}
    >
      {done ? <Tick size={13} /> : children}
    </IconButton>
  );
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea"); // pages without TLS have no clipboard
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** A part of a whole; `held` is drawn after it, `mark` as a line. */
export function Bar({
  share,
  held = 0,
  mark,
  tone,
  label,
}: {
  share: number;
  held?: number;
  mark?: number | undefined;
  tone?: "warn" | "bad" | undefined;
  label?: string;
}) {
  const cap = (value: number) => `${Math.max(0, Math.min(1, value)) * 100}%`;
  return (
    <div className="bar-back" role="img" aria-label={label ?? `${Math.round(share * 100)} %`}>
      {held > 0 && <i className="held" style={{ width: cap(share + held) }} />}
      <i className={tone} style={{ width: cap(share) }} />
      {mark !== undefined && <b style={{ left: cap(mark) }} />}
    </div>
  );
}
