import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./local/worker.ts";

// `npm run count-tests`: the closing line of CI, from the report that the test run wrote. No report, no test passed.

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
}

const path = join(repository, "reports/tests.json");
const none: Report = { numPassedTests: 0, numFailedTests: 0, numFailedTestSuites: 1 };
const report = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Report) : none;

// A file that cannot be loaded fails no test of its own.
const failed = report.numFailedTests > 0 ? report.numFailedTests : report.numFailedTestSuites;
console.log(`${report.numPassedTests} passed, ${failed} failed`);
