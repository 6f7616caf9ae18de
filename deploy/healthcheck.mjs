// Asks a service whether it is ready: `node healthcheck.mjs http://127.0.0.1:8480/readyz`. Exits with 1 when it is not.
const url = process.argv[2];
try {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_500) });
  if (!answer.ok) console.error(`${answer.status} ${(await answer.text()).slice(0, 500)}`);
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  console.error(`${url}: ${error.cause?.message ?? error.message}`);
  process.exitCode = 1;
}
