import { X } from "lucide-react";
import { useId, useState } from "react";

/** Several names: typed, or chosen from what there is. Enter or a comma takes one in. */
export function Names({
  id,
  value,
  onChange,
  suggestions = [],
  placeholder,
}: {
  id?: string;
  value: readonly string[];
  onChange: (value: string[]) => void;
  suggestions?: readonly string[];
  placeholder?: string;
}) {
  const [text, setText] = useState("");
  const list = useId();
  const take = (name: string) => {
    const found = name.trim();
    if (found && !value.includes(found)) onChange([...value, found]);
    setText("");
  };
  return (
    <div className="names-box input" onClick={(event) => event.currentTarget.querySelector("input")?.focus()} role="presentation">
      {value.map((each) => (
        <span key={each} className="tag accent">
          <span className="cut">{each}</span>
          <button type="button" aria-label={`Without ${each}`} onClick={() => onChange(value.filter((other) => other !== each))}>
            <X size={11} />
          </button>
        </span>
      ))}
      <input
        id={id}
        list={list}
        autoComplete="off"
        spellCheck={false}
        placeholder={value.length ? "" : placeholder}
        value={text}
        onChange={(event) => {
          const typed = event.target.value;
          if (typed.endsWith(",")) take(typed.slice(0, -1));
          else if (suggestions.includes(typed) && !(event.nativeEvent as InputEvent).data) take(typed);
          else setText(typed);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && text.trim()) {
            event.preventDefault();
            take(text);
          } else if (event.key === "Backspace" && !text) onChange(value.slice(0, -1));
        }}
        onBlur={() => take(text)}
      />
      <datalist id={list}>
        {suggestions
          .filter((each) => !value.includes(each))
          .map((each) => (
            <option key={each} value={each} />
          ))}
      </datalist>
    </div>
  );
}
