/** Syntax of names, labels and finalizers. Each function lists what is wrong with a value, in upstream's words (resources 1.2). */

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

const LABEL_TEXT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const QUALIFIED_TEXT =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_TEXT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const noMoreThan = (characters: number) => `must be no more than ${characters} characters`;
const NOTHING: readonly string[] = [];

/** `S` of the specification: at most 253 characters. */
export function subdomainProblems(name: string): readonly string[] {
  if (name.length <= 253 && SUBDOMAIN.test(name)) return NOTHING;
  return [...(name.length > 253 ? [noMoreThan(253)] : []), ...(SUBDOMAIN.test(name) ? [] : [SUBDOMAIN_TEXT])];
}

/** `L`: at most 63 characters, no dots. */
export function labelProblems(name: string): readonly string[] {
  if (name.length <= 63 && LABEL.test(name)) return NOTHING;
  return [...(name.length > 63 ? [noMoreThan(63)] : []), ...(LABEL.test(name) ? [] : [LABEL_TEXT])];
}

/** A key of labels or annotations, or a finalizer: `name` or `domain/name`. */
export function qualifiedNameProblems(key: string): readonly string[] {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  if (parts.length > 2) {
    return [`a qualified name ${QUALIFIED_TEXT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const problems: string[] = [];
  if (parts.length === 2) {
    const prefix = parts[0] as string;
    if (prefix === '') problems.push('prefix part must be non-empty');
    else for (const problem of subdomainProblems(prefix)) problems.push(`prefix part ${problem}`);
  }
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > 63) problems.push(`name part ${noMoreThan(63)}`);
  if (!QUALIFIED.test(name)) problems.push(`name part ${QUALIFIED_TEXT}`);
  return problems;
}

export function labelValueProblems(value: string): readonly string[] {
  if (value.length <= 63 && LABEL_VALUE.test(value)) return NOTHING;
  return [...(value.length > 63 ? [noMoreThan(63)] : []), ...(LABEL_VALUE.test(value) ? [] : [LABEL_VALUE_TEXT])];
}
