/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The terminal as it was, whatever happens. A handler only writes, sets attributes and raises the signal again. Requests to leave set a
 * flag that the event loop reads.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "term/private.h"

static struct termios before;
static volatile sig_atomic_t armed, leave;
/* Attributes off, cursor shown, mouse off, main screen (ECMA-48 and xterm's private modes). */
static const char give_back[] = "\033[0m\033[?25h\033[?1000l\033[?1049l\r\n";
static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGQUIT};

static void restore_now(void)
{
    if (!armed)
        return;
    armed = 0;
    ssize_t put = write(STDOUT_FILENO, give_back, sizeof give_back - 1);
    (void)put;
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void on_deadly(int number)
{
    restore_now();
    signal(number, SIG_DFL);
    raise(number);
}

static void on_leave(int number)
{
    leave = number;
}

int tui_term_leave_signal(void)
{
    return leave;
}

void tui_restore_arm(void)
{
    struct sigaction action = {.sa_handler = on_deadly};
    sigemptyset(&action.sa_mask);
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return;
    for (size_t i = 0; i < SC_LEN(deadly); i++)
        sigaction(deadly[i], &action, NULL);
    action.sa_handler = on_leave;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    armed = 1;
    sc_bug_set_hook(restore_now);
}

void tui_restore_disarm(void)
{
    armed = 0;
    sc_bug_set_hook(NULL);
    for (size_t i = 0; i < SC_LEN(deadly); i++)
        signal(deadly[i], SIG_DFL);
}
