import fc from "fast-check";

// For a thousand mutants: what a property has not found within this time, it is not waited for.
fc.configureGlobal({ interruptAfterTimeLimit: 1500 });
