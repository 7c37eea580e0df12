import { getRouteApi, Link, useLocation } from "@tanstack/react-router";
import { Code2, ImagePlus, Play, Plus, Square, Trash2, X } from "lucide-react";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { parseSearch, searchOf, stringifySearch } from "../../app/search";
import { NoModel } from "../../app/NoModel";
import { Top } from "../../app/Shell";
import { api, gateway } from "../../client/api";
import { Button, Check, Code, CopyButton, Empty, ErrorBox, Field, IconButton, Input, Modal, Segments, Select } from "../../shared/kit";
import { AnswerLane } from "./AnswerLane";
import { curl, node, python } from "./snippets";
import { type Answer, ask, NOTHING } from "./stream";
import "./playground.css";

const route = getRouteApi("/playground");
const MOST = 4;
/** What is written stands after the #: no server sees it there, and it may be long. */
const written = searchOf([], ["prompt", "system", "tools"]);

export function PlaygroundPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const me = api.useQuery("get", "/api/me");
  const names = me.data?.models ?? [];
  const models = search.model?.length ? [...new Set(search.model)].slice(0, MOST) : names.slice(0, 1);
  const hash = useLocation({ select: (location) => location.hash });
  const [texts] = useState(() => ({ prompt: search.prompt, system: search.system, ...written(parseSearch(hash)) }));
  const [prompt, setPrompt] = useState(texts.prompt ?? "");
  const [system, setSystem] = useState(texts.system ?? "");
  const [temperature, setTemperature] = useState(search.temperature ?? "");
  const [most, setMost] = useState(search.max_tokens ?? "");
  const [tools, setTools] = useState(texts.tools ?? "");
  const [images, setImages] = useState<{ name: string; url: string }[]>([]);
  const [answers, setAnswers] = useState<Record<string, Answer>>({});
  const [asked, setAsked] = useState<string[]>([]);
  const [code, setCode] = useState(false);
  const stop = useRef<AbortController | null>(null);
  const streams = search.stream !== "0";
  const running = asked.some((each) => answers[each]?.running);
  useEffect(() => () => stop.current?.abort(), []);

  const setModels = (next: string[]) => void navigate({ search: (before) => ({ ...before, model: next }), hash: true, replace: true });
  const toolsWrong = tools.trim() && !isArray(tools) ? "A JSON list of tools" : undefined;

  function body(model: string): Record<string, unknown> {
    const content = images.length
      ? [
          { type: "text", text: prompt },
          ...images.map((each) => ({ type: "image_url", image_url: { url: each.url } })),
        ]
      : prompt;
    return {
      model,
      messages: [...(system.trim() ? [{ role: "system", content: system }] : []), { role: "user", content }],
      ...(temperature.trim() ? { temperature: Number(temperature) } : {}),
      ...(most.trim() ? { max_completion_tokens: Number(most) } : {}),
      ...(tools.trim() && !toolsWrong ? { tools: JSON.parse(tools) as unknown } : {}),
      ...(streams ? { stream: true, stream_options: { include_usage: true } } : {}),
    };
  }

  function run(event?: FormEvent) {
    event?.preventDefault();
    if (!prompt.trim() || !models.length || running || toolsWrong) return;
    void navigate({
      search: {
        model: models,
        temperature: temperature || undefined,
        max_tokens: most || undefined,
        stream: streams ? undefined : "0",
      },
      hash: stringifySearch({ prompt, system: system || undefined, tools: tools.trim() || undefined }).slice(1),
      replace: true,
    });
    stop.current = new AbortController();
    const { signal } = stop.current;
    setAsked(models);
    setAnswers(Object.fromEntries(models.map((each) => [each, NOTHING])));
    for (const model of models)
      void ask(body(model), (answer) => setAnswers((before) => ({ ...before, [model]: answer })), signal);
  }

  return (
    <>
      <Top title="Playground">
        <Button small onClick={() => setCode(true)} disabled={!prompt.trim() || !models.length}>
          <Code2 size={14} aria-hidden /> Code
        </Button>
      </Top>
      <main className="content playground">
        {me.error && <ErrorBox error={me.error} retry={() => void me.refetch()} />}
        {me.data && !models.length && <NoModel />}
        <form className="card" onSubmit={run} hidden={me.data && !models.length}>
          <div className="body column">
            <div className="row wrap">
              {models.map((each, at) => (
                <span key={each} className="row model">
                  <Select
                    aria-label={`Model ${at + 1}`}
                    value={each}
                    options={[...new Set([each, ...names])].filter((other) => other === each || !models.includes(other))}
                    onChange={(event) => setModels(models.map((other, index) => (index === at ? event.target.value : other)))}
                  />
                  {models.length > 1 && (
                    <IconButton label={`Without ${each}`} small onClick={() => setModels(models.filter((other) => other !== each))}>
                      <X size={13} />
                    </IconButton>
                  )}
                </span>
              ))}
              {models.length < MOST && names.some((each) => !models.includes(each)) && (
                <Button
                  small
                  kind="plain"
                  onClick={() => setModels([...models, ...names.filter((each) => !models.includes(each)).slice(0, 1)])}
                >
                  <Plus size={13} aria-hidden /> Compare
                </Button>
              )}
            </div>
            <Field label="Prompt">
              {(id) => (
                <textarea
                  id={id}
                  className="input"
                  rows={5}
                  autoFocus
                  placeholder="What is the capital of Denmark?"
                  value={prompt}
                  onChange={(event) => setPrompt(event.target.value)}
                  onKeyDown={(event) => {
                    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) run();
                  }}
                />
              )}
            </Field>
            {images.length > 0 && (
              <div className="row wrap">
                {images.map((each) => (
                  <span key={each.name} className="thumb">
                    <img src={each.url} alt={each.name} />
                    <IconButton label={`Without ${each.name}`} small onClick={() => setImages(images.filter((other) => other !== each))}>
                      <Trash2 size={12} />
                    </IconButton>
                  </span>
                ))}
              </div>
            )}
            <details open={Boolean(texts.system || texts.tools || search.temperature || search.max_tokens)}>
              <summary className="soft">System prompt and parameters</summary>
              <div className="column more">
                <Field label="System prompt">
                  {(id) => (
                    <textarea id={id} className="input" rows={3} value={system} onChange={(event) => setSystem(event.target.value)} />
                  )}
                </Field>
                <div className="grid two narrow">
                  <Field label="Temperature">
                    {(id) => (
                      <Input
                        id={id}
                        type="number"
                        min={0}
                        max={2}
                        step="0.1"
                        placeholder="the model's own"
                        value={temperature}
                        onChange={(event) => setTemperature(event.target.value)}
                      />
                    )}
                  </Field>
                  <Field label="Most output tokens">
                    {(id) => (
                      <Input
                        id={id}
                        type="number"
                        min={1}
                        placeholder="the model's own"
                        value={most}
                        onChange={(event) => setMost(event.target.value)}
                      />
                    )}
                  </Field>
                </div>
                <Field label="Tools (JSON)" wrong={toolsWrong}>
                  {(id) => (
                    <textarea
                      id={id}
                      className="input mono"
                      rows={3}
                      spellCheck={false}
                      placeholder='[{"type": "function", "function": {"name": "get_weather"}}]'
                      value={tools}
                      onChange={(event) => setTools(event.target.value)}
                    />
                  )}
                </Field>
              </div>
            </details>
            <div className="row wrap">
              {running ? (
                // Keys, or it would be one element, and the click that stops would submit the form as well.
                <Button key="stop" onClick={() => stop.current?.abort()}>
                  <Square size={13} aria-hidden /> Stop
                </Button>
              ) : (
                <Button key="run" kind="primary" type="submit" disabled={!prompt.trim() || !models.length}>
                  <Play size={13} aria-hidden /> Run
                </Button>
              )}
              <kbd>{navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl"} ↵</kbd>
              <Check
                label="Stream"
                checked={streams}
                onChange={(event) =>
                  void navigate({
                    search: (before) => ({ ...before, stream: event.target.checked ? undefined : "0" }),
                    hash: true,
                    replace: true,
                  })
                }
              />
              <span className="grow" />
              <label className="button small plain">
                <ImagePlus size={14} aria-hidden /> Image
                <input type="file" accept="image/*" multiple className="hidden-label" onChange={(event) => void addImages(event.target.files, setImages)} />
              </label>
            </div>
          </div>
        </form>
        {asked.length === 0 ? models.length > 0 && (
          <div className="card">
            <Empty title="Nothing asked yet">
              <p>
                These are real calls: they are billed, counted against budgets and listed in the{" "}
                <Link to="/logs" className="link">
                  logs
                </Link>
                . Add a model to compare answers and their cost side by side.
              </p>
            </Empty>
          </div>
        ) : (
          <div className="lanes">
            {asked.map((each) => (
              <AnswerLane key={each} model={each} answer={answers[each] ?? NOTHING} />
            ))}
          </div>
        )}
      </main>
      {code && <CodeModal body={body(models[0] ?? "")} onClose={() => setCode(false)} />}
    </>
  );
}

function isArray(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text));
  } catch {
    return false;
  }
}

async function addImages(
  files: FileList | null,
  set: (change: (before: { name: string; url: string }[]) => { name: string; url: string }[]) => void,
) {
  for (const file of files ?? []) {
    const url = await new Promise<string>((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(String(reader.result));
      reader.readAsDataURL(file);
    });
    set((before) => [...before.filter((each) => each.name !== file.name), { name: file.name, url }]);
  }
}

const LANGUAGES = { curl, python, node } as const;

function CodeModal({ body, onClose }: { body: Record<string, unknown>; onClose: () => void }) {
  const [language, setLanguage] = useState<keyof typeof LANGUAGES>("curl");
  const text = LANGUAGES[language](gateway, body);
  return (
    <Modal title="The same call from elsewhere" wide onClose={onClose}>
      <div className="body column">
        <div className="row">
          <Segments
            label="Language"
            value={language}
            options={[
              { value: "curl", label: "curl" },
              { value: "python", label: "Python" },
              { value: "node", label: "Node" },
            ]}
            onChange={setLanguage}
          />
          <span className="grow" />
          <CopyButton text={text} />
        </div>
        <Code>{text}</Code>
      </div>
    </Modal>
  );
}
