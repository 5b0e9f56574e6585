// Stands for @grafana/assistant, whose own dependencies ask for another React.
export const OpenAssistantButton = () => null;
