import { Link } from "@tanstack/react-router";
import { ArrowDownRight, ArrowUpRight, CircleHelp, Scale } from "lucide-react";
import type { ReactNode } from "react";
import type { RouterUse } from "../../client/api";
import { Money } from "../../shared/figures";
import { percent } from "../../shared/numbers";
import { type Against, verdictOf } from "./verdict";

/** Whether the router was worth it, in one sentence. */
export function WorthIt({ use }: { use: RouterUse }) {
  if (use.total.calls === 0)
    return (
      <Sentence icon={<CircleHelp size={15} aria-hidden />}>
        No call went through the router in these days.{" "}
        <Link to="/playground" search={{ model: [use.model] }} className="link">
          Try it
        </Link>
        , or choose a longer range.
      </Sentence>
    );
  const found = verdictOf(use);
  if (!found)
    return (
      <Sentence icon={<CircleHelp size={15} aria-hidden />}>
        Whether the router was worth its price cannot be said yet: {use.total.minimum ? "what was spent is not wholly known." : "no model it is held against has a price."}
      </Sentence>
    );
  const { cheaper, dearer } = found;
  if (cheaper && dearer)
    return (
      <Sentence icon={<Scale size={15} aria-hidden />}>
        The router cost <b>less</b> than <Model of={cheaper.most} word="less" /> and <b>more</b> than <Model of={dearer.most} word="more" />{" "}
        would have, for the same tokens.
      </Sentence>
    );
  if (cheaper)
    return (
      <Sentence tone="good" icon={<ArrowDownRight size={15} aria-hidden />}>
        <b>Worth its price:</b> the router cost less than {only(cheaper, found.models)} would have for the same tokens
        <AtMost of={cheaper.most} word="less" />.
      </Sentence>
    );
  if (dearer)
    return (
      <Sentence tone="warn" icon={<ArrowUpRight size={15} aria-hidden />}>
        {dearer.count === found.models && <b>Not worth its price: </b>}
        {dearer.count === found.models ? "the" : "The"} router cost more than {only(dearer, found.models)} would have for the same tokens
        <AtMost of={dearer.most} word="more" />.
      </Sentence>
    );
  return <Sentence icon={<Scale size={15} aria-hidden />}>The router cost what one fixed model would have, for the same tokens.</Sentence>;
}

/** `gpt-5 alone ($0.0021 less, 12%)`. */
function Model({ of, word }: { of: Against; word: string }) {
  return (
    <>
      {of.model} alone <Difference of={of} word={word} />
    </>
  );
}

function Difference({ of, word }: { of: Against; word: string }) {
  if (of.amount === null) return null;
  return (
    <span className="dim">
      (<Money value={of.amount} /> {word}
      {of.share !== null && `, ${percent(of.share)}`})
    </span>
  );
}

/** The model it was furthest from, where it was held against several. */
function AtMost({ of, word }: { of: Against; word: string }) {
  if (of.amount === null) return <>; by how much is not known yet</>;
  return (
    <>
      , at the most <Money value={of.amount} /> {word}
      {of.share !== null && ` (${percent(of.share)})`}, than {of.model}
    </>
  );
}

function only({ count, most }: { count: number; most: Against }, models: number): string {
  if (count === 1) return `${most.model} alone`;
  return count === models ? `each of these ${models} models alone` : `${count} of these ${models} models alone`;
}

function Sentence({ tone = "", icon, children }: { tone?: "" | "good" | "warn"; icon: ReactNode; children: ReactNode }) {
  return (
    <p className={`verdict ${tone}`} data-testid="verdict">
      {icon}
      <span>{children}</span>
    </p>
  );
}
