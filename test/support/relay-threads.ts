// How many relay threads the gateways of tests have. None, whatever the machine: tests that want some say so. The same tests can be run
// against threads, all at once: SALLYPORT_TEST_RELAY_THREADS=2 npm test

export const relayThreads = Number(process.env['SALLYPORT_TEST_RELAY_THREADS'] ?? 0);
