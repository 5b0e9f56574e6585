/*
 * subtransaction.h
 *	  What may fail without the rest failing with it.
 */
#ifndef PYRO_SUBTRANSACTION_H
#define PYRO_SUBTRANSACTION_H

/*
 * Do something in a subtransaction.  NULL if it succeeded, else the error, in the
 * current context; but a cancel is raised.
 *
 * What was opened before, relations for example, may not be closed within.
 */
extern ErrorData *subtransaction_try(void (*work) (void *arg), void *arg);

#endif							/* PYRO_SUBTRANSACTION_H */
