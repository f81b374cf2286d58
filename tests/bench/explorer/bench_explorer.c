/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The program as a person feels it, on a pseudo-terminal: time to the first paint, time from a key to what it paints
 * while a solve runs, and in stages and the timeline when it has ended, and peak memory. Prints a line each, with the
 * aim; fails when one is missed. bench_explorer [MODEL [OPTIONS…]]
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

enum { KEYS = 1000 };

struct run {
    pid_t child;
    int master;
    double started;
};

static const char *const usual[] = {"gpt-39b", "--cluster", "p3.16xlarge", NULL};

static struct run start(char **arguments)
{
    struct winsize size = {.ws_row = 50, .ws_col = 200};
    struct run run = {.started = sc_now()};
    char *argv[64] = {(char *)(uintptr_t)TEST_PROGRAM};
    for (int i = 1; arguments[i - 1] && i < 63; i++)
        argv[i] = arguments[i - 1];
    run.child = forkpty(&run.master, NULL, NULL, &size);
    if (run.child == 0) {
        setenv("TERM", "xterm-256color", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        setenv("STAGECUT_DATA", TEST_SOURCE_DIR, 1);
        setenv("XDG_STATE_HOME", "/nonexistent", 1); /* neither history nor changes that were kept */
        execv(TEST_PROGRAM, argv);
        _exit(127);
    }
    return run;
}

/* Reads until nothing comes for `quiet` seconds; when the last byte came, or 0 when none did within `wait`. */
static double read_paint(const struct run *run, double wait, double quiet)
{
    char bytes[65536];
    double last = 0;
    struct pollfd fd = {.fd = run->master, .events = POLLIN};
    while (poll(&fd, 1, (int)(1000 * (last > 0 ? quiet : wait))) > 0) {
        if (read(run->master, bytes, sizeof bytes) <= 0)
            break;
        last = sc_now();
    }
    return last;
}

/* Seconds until the bar at the bottom has been painted. */
static double first_paint(const struct run *run)
{
    struct sc_str seen = {0};
    char bytes[65536];
    struct pollfd fd = {.fd = run->master, .events = POLLIN};
    while (poll(&fd, 1, 5000) > 0) {
        ssize_t count = read(run->master, bytes, sizeof bytes);
        if (count <= 0)
            break;
        sc_str_addn(&seen, bytes, (size_t)count);
        if (strstr(sc_str_text(&seen), "Help")) {
            sc_str_free(&seen);
            return sc_now() - run->started;
        }
    }
    fprintf(stderr, "no first paint: %s\n", sc_str_text(&seen));
    exit(1);
}

/* Each key moves the cursor and has something to paint: else the clock of a solve, ten times a second, would be taken
 * for its answer. With `solve`, some ask for one, so that the solver has work all the time. */
static int press_keys(const struct run *run, const char *keys, bool solve, double *seconds)
{
    int count = 0;
    for (int i = 0, moves = 0; i < KEYS; i++) {
        char key = solve && i % 25 == 24 ? 'r' : keys[moves++ % (int)strlen(keys)];
        double begin = sc_now();
        if (write(run->master, &key, 1) < 0)
            break;
        double end = read_paint(run, 0.2, 0.004);
        if (end > 0)
            seconds[count++] = end - begin;
    }
    return count;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool report(const char *what, double value, double aim, const char *unit)
{
    printf("%-34s %8.1f %s   aim %g %s%s\n", what, value, unit, aim, unit, value <= aim ? "" : "   MISSED");
    return value <= aim;
}

/* Keys in a view, from the one that opens it; each list of keys ends where it began. */
static bool bench_view(const struct run *run, const char *name, const char *open, const char *keys, bool solve)
{
    double seconds[KEYS];
    char what[64];
    if (*open && write(run->master, open, strlen(open)) < 0)
        return false;
    if (!solve) /* the clock of a solve paints as long as there is one; then questions are answered */
        read_paint(run, 2, 2);
    int count = press_keys(run, keys, solve, seconds);
    if (!count)
        return false;
    qsort(seconds, (size_t)count, sizeof *seconds, ascending);
    snprintf(what, sizeof what, "%s: keys that painted", name);
    printf("%-34s %8d of %d\n", what, count, KEYS);
    snprintf(what, sizeof what, "%s: key to paint, median", name);
    printf("%-34s %8.1f ms\n", what, 1e3 * seconds[count / 2]);
    snprintf(what, sizeof what, "%s: key to paint, p99", name);
    return report(what, 1e3 * seconds[count * 99 / 100], 16, "ms");
}

int main(int argc, char **argv)
{
    struct rusage usage;
    double load;
    bool good = true;
    if (getloadavg(&load, 1) == 1)
        printf("%-34s %8.1f on %ld cores\n", "load of this machine", load, sysconf(_SC_NPROCESSORS_ONLN));
    struct run run = start(argc > 1 ? argv + 1 : (char **)(uintptr_t)usual);
    good &= report("first paint", 1e3 * first_paint(&run), 100, "ms");
    read_paint(&run, 0.1, 0.02);
    good &= bench_view(&run, "graph, solving", "", "jjjjjkjkkjkkkk", true);
    good &= bench_view(&run, "stages", "3", "jkj\tjkjk\tkjjkk", false);
    good &= bench_view(&run, "timeline", "4", "llll++ll--hhl0lh+l-hhhh", false);
    kill(run.child, SIGTERM);
    read_paint(&run, 1, 0.2);
    waitpid(run.child, NULL, 0);
    getrusage(RUSAGE_CHILDREN, &usage);
    good &= report("peak memory", (double)usage.ru_maxrss / 1024, 300, "MiB");
    return !good;
}
