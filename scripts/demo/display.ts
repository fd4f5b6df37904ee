import { styleText } from "node:util";

const BAR_WIDTH = 30;

/** What the tour prints: numbered steps with lines below, and progress as a live bar where there is a terminal. */
export interface Display {
  step(title: string): void;
  line(text: string): void;
  blank(): void;
  /** Shows how far the step is. Without a terminal, a line for each quarter. */
  progress(done: number, total: number, what: string): void;
}

export function displayOn(output: NodeJS.WriteStream): Display {
  let steps = 0;
  let bar = "";
  let quarter = 0;
  const clearBar = (): void => {
    if (bar !== "") output.write("\r\x1b[2K");
    bar = "";
  };
  const print = (text: string): void => {
    clearBar();
    output.write(`${text}\n`);
  };
  return {
    step(title) {
      steps += 1;
      quarter = 0;
      print(`\n${styleText(["bold", "cyan"], `${steps}  ${title}`)}`);
    },
    line(text) {
      print(`   ${text}`);
    },
    blank() {
      print("");
    },
    progress(done, total, what) {
      const text = `${done} of ${total} ${what}`;
      if (output.isTTY) {
        const filled = Math.min(BAR_WIDTH, Math.floor((done / total) * BAR_WIDTH));
        const next = `   ${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)} ${text}`;
        // Wider than the terminal it would wrap, and could not be cleared as one line.
        const fits = next.slice(0, (output.columns || 80) - 1);
        if (fits !== bar) output.write(`\r\x1b[2K${fits}`);
        bar = fits;
      } else if (Math.floor((4 * done) / total) > quarter) {
        quarter = Math.floor((4 * done) / total);
        print(`   ${text}`);
      }
    },
  };
}
