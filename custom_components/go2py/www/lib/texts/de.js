// Written by scripts/translations.
export default Object.freeze({
});
