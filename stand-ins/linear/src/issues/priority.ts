const labels = ['No priority', 'Urgent', 'High', 'Medium', 'Low'];

/** The words for an issue's priority, 0 to 4. */
export const priorityLabel = (priority: number): string => labels[priority] ?? 'No priority';
