// A session of tsdav with a server: node session.mjs URL LOGIN PASSWORD; writes what it saw as JSON.
import { createDAVClient } from "tsdav";

const [serverUrl, username, password] = process.argv.slice(2);
const connect = () =>
  createDAVClient({
    serverUrl,
    credentials: { username, password },
    authMethod: "Basic",
    defaultAccountType: "carddav",
  });
const vcard = (uid, name) =>
  `BEGIN:VCARD\r\nVERSION:3.0\r\nUID:${uid}\r\nFN:${name}\r\nN:${name};;;;\r\nNOTE:a, raw; comma <&> é\r\nEND:VCARD\r\n`;
const file = (url) => decodeURIComponent(new URL(url, serverUrl).pathname.split("/").pop());
const told = (objects) => Object.fromEntries(objects.map(({ url, data }) => [file(url), data ?? ""]));
const cardOf = (cards, name) => cards.find(({ url }) => file(url) === name);

const seen = {};
const client = await connect();
const books = await client.fetchAddressBooks();
seen.books = books.map(({ url, displayName, reports }) => ({ path: new URL(url).pathname, displayName, reports }));
const bookNamed = (slug) => books.find(({ url }) => url.endsWith(`/${slug}/`));
seen.directory = told(await client.fetchVCards({ addressBook: bookNamed("directory") }));

const addressBook = bookNamed("personal");
const create = (name, uid, text) =>
  client.createVCard({ addressBook, filename: encodeURIComponent(name), vCardString: vcard(uid, text) });
const names = ["one.vcf", "two & three.vcf", "čtyři.vcf"];
seen.created = [];
for (const [index, name] of names.entries()) {
  seen.created.push((await create(name, `uid-${index}`, `Card ${index}`)).status);
}
seen.createdAgain = (await create(names[0], "uid-0", "Another")).status;
const cards = await client.fetchVCards({ addressBook });
seen.listed = told(cards);

const first = cardOf(cards, names[0]);
const changed = { ...first, data: vcard("uid-0", "Changed") };
seen.updated = (await client.updateVCard({ vCard: changed })).status;
seen.updatedTooLate = (await client.updateVCard({ vCard: { ...changed, data: vcard("uid-0", "Lost") } })).status;
seen.deletedTooLate = (await client.deleteVCard({ vCard: first })).status;

// A second client, which has synced before that and syncs on while the first one writes.
const other = await connect();
let mirror = {
  ...(await other.fetchAddressBooks()).find(({ url }) => url === addressBook.url),
  syncToken: "",
  objects: [],
  objectMultiGet: other.addressBookMultiGet,
};
const sync = async () => {
  const { objects, syncToken } = await other.smartCollectionSyncDetailed({ collection: mirror, method: "webdav" });
  mirror = await other.smartCollectionSync({ collection: mirror, method: "webdav" });
  return { created: told(objects.created), updated: told(objects.updated), deleted: told(objects.deleted), syncToken };
};
seen.syncs = [await sync()];
const now = await client.fetchVCards({ addressBook });
seen.deleted = (await client.deleteVCard({ vCard: cardOf(now, names[1]) })).status;
await client.updateVCard({ vCard: { ...cardOf(now, names[2]), data: vcard("uid-2", "Changed too") } });
await create("new.vcf", "uid-new", "New");
seen.syncs.push(await sync(), await sync());
seen.mirror = told(mirror.objects);
seen.dirty = (await other.isCollectionDirty({ collection: addressBook })).isDirty;

try {
  await other.smartCollectionSync({ collection: { ...mirror, syncToken: "data:,1/1.1.1" }, method: "webdav" });
} catch (error) {
  seen.badToken = error.message;
}
console.log(JSON.stringify(seen));
