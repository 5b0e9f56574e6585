/*
 * disk_limit.h
 *	  pyro.disk_limit: the oldest data goes when tables take too much together.
 */
#ifndef PYRO_DISK_LIMIT_H
#define PYRO_DISK_LIMIT_H

/*
 * Drop the oldest blocks and partitions of the database until its tables keep
 * to the limit; tables that are locked are passed over if we do not wait.
 *
 * It needs what the duties of a table need (maintain.h), and commits like these.
 */
extern void disk_limit_enforce(bool nowait);

#endif							/* PYRO_DISK_LIMIT_H */
